"""GET /api/chat/providers."""


async def test_providers_say_what_they_have_and_why_not(chat):
    providers = (await chat.get("/api/chat/providers")).json()["providers"]
    by_name = {each["name"]: each for each in providers}
    assert by_name["GPT-4"]["available"] is True
    assert by_name["GPT-4"]["protocol"] == "openai"
    assert by_name["Claude"]["protocol"] == "anthropic"
    assert by_name["Mistral"]["models"] == ["small", "large"]
    assert by_name["Mistral"]["default_model"] == "small"
    assert by_name["Locked"]["available"] is False
    assert "A_KEY_THAT_IS_NOT_SET" in by_name["Locked"]["reason"]
    assert "Demo A" not in by_name
    assert "canary-key" not in str(providers)
