"use strict";

// The answer sets the cookie; the page only has to go where the visitor was on the way to.
const form = document.getElementById("login");
const problem = document.getElementById("problem");

function destination() {
  const next = new URL(new URLSearchParams(location.search).get("next") || "/ops", location.origin);
  return next.origin === location.origin ? next.pathname + next.search : "/ops";
}

async function signIn() {
  const answer = await fetch("/api/auth/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: form.email.value, password: form.password.value }),
  });
  if (answer.ok) {
    location.assign(destination());
  } else {
    problem.textContent = (await answer.json()).detail;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  problem.textContent = "";
  signIn().catch(() => { problem.textContent = form.dataset.away; });
});
