#!/bin/sh
# A walk through the whole of Webox with nothing but curl (and python3 to read JSON):
# an account, a question to two providers, tags, search, dashboard, exports, and goodbye.
#
#     make up                              # in another terminal
#     examples/first-conversation.sh       # or with an address: … http://localhost:8000
#
# It makes a new account on every run, works without any provider's key, shows each request with
# its answer, and ends with a status other than 0 at the first answer that is not as it should be.
set -eu

WEBOX=${1:-http://localhost:8000}
FILES=$(mktemp -d)
ANSWER=$FILES/answer.json
TOKEN=

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf 'first-conversation: %s\n' "$*" >&2
    exit 1
}

# ask METHOD PATH [CURL OPTIONS]: the answer's body goes into $ANSWER; 4xx and 5xx end the walk.
ask() {
    method=$1 path=$2
    shift 2
    curl --silent --show-error --request "$method" --output "$ANSWER" --write-out '%{http_code}' \
        ${TOKEN:+--header "Authorization: Bearer $TOKEN"} "$@" "$WEBOX$path" >"$FILES/status" ||
        fail "$WEBOX does not answer: start it with \`make up\`"
    case $(cat "$FILES/status") in
        2*) ;;
        *) fail "$method $path answered $(cat "$FILES/status"): $(cat "$ANSWER")" ;;
    esac
}

# tell METHOD PATH [JSON]: asks, and shows the request and its answer.
tell() {
    printf '\n$ %s %s %s\n' "$1" "$2" "${3-}"
    if [ $# -gt 2 ]; then
        ask "$1" "$2" --header 'Content-Type: application/json' --data "$3"
    else
        ask "$1" "$2"
    fi
    python3 -m json.tool --no-ensure-ascii --indent 2 "$ANSWER"
}

# value PATH: one value of the last answer, e.g. `value conversations.0.title`.
value() {
    python3 -c '
import json, sys
value = json.load(open(sys.argv[1], encoding="utf-8"))
for part in sys.argv[2].split("."):
    value = value[int(part)] if isinstance(value, list) else value[part]
print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
' "$ANSWER" "$1"
}

# expect PATH VALUE: the last answer has this value.
expect() {
    found=$(value "$1") || fail "the answer has no $1"
    [ "$found" = "$2" ] || fail "$1 is $found, not $2"
}

# until_seen WHAT COMMAND…: repeats the command, silently, for at most 30 seconds.
until_seen() {
    what=$1 tries=150
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$what, but not within 30 seconds"
        sleep 0.2
    done
}

# answers STATUS METHOD PATH: whether it is answered with this status.
answers() {
    [ "$(curl --silent --output "$ANSWER" --write-out '%{http_code}' --request "$2" \
        --header "Authorization: Bearer $TOKEN" "$WEBOX$3")" = "$1" ]
}

# now_has PATH POINTER VALUE: whether asking anew finds this value (in a shell of its own).
now_has() { (ask GET "$1" && expect "$2" "$3"); }

# report TYPE: tells Webox, as another product would, what happened to a website.
report() {
    event="{\"specversion\": \"1.0\", \"id\": \"$1-$$\", \"source\": \"/website-builder\",
  \"type\": \"webox.website.$1\", \"subject\": \"7\", \"time\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",
  \"data\": {\"user_id\": $USER_ID, \"name\": \"Mon Portfolio\"}}"
    printf '\n$ POST /api/events %s\n' "$event"
    ask POST /api/events --header "Authorization: Bearer $EVENTS_TOKEN" \
        --header 'Content-Type: application/cloudevents+json' --data "$event"
    expect accepted 1
}

say 'An account, and signing in'
EMAIL=marie.$(date +%s).$$@example.org
PASSWORD=$(python3 -c 'import secrets; print(secrets.token_urlsafe())')
ask POST /api/auth/register --header 'Content-Type: application/json' \
    --data "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\", \"name\": \"Marie\"}"
ask POST /api/auth/login --header 'Content-Type: application/json' \
    --data "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\"}"
TOKEN=$(value access_token)
tell GET /api/auth/me
USER_ID=$(value id)

say 'One question to two providers'
ask GET /api/chat/providers
PAIR=$(python3 -c '
import json, sys
providers = json.load(open(sys.argv[1], encoding="utf-8"))["providers"]
print("\n".join([each["name"] for each in providers if each["available"]][:2]))
' "$ANSWER")
FIRST=$(printf '%s\n' "$PAIR" | sed -n 1p)
SECOND=$(printf '%s\n' "$PAIR" | sed -n 2p)
[ -n "$SECOND" ] || fail 'it takes two providers that are available'
tell POST /api/chat/send "{\"message\": \"Comment améliorer ma stratégie marketing ?\",
  \"selected_providers\": [\"$FIRST\", \"$SECOND\"]}"
CONVERSATION=$(value conversation_id)
[ -n "$(value "ai_responses.$FIRST")" ] || fail "$FIRST said nothing"
[ -n "$(value "ai_responses.$SECOND")" ] || fail "$SECOND said nothing"

say 'It is in the list, and can be read again'
tell GET '/api/chat/conversations?folder=G%C3%A9n%C3%A9ral'
expect conversations.0.id "$CONVERSATION"
[ -n "$(value conversations.0.preview)" ] || fail 'the list shows no preview'
tell GET "/api/chat/conversations/$CONVERSATION"
expect messages.0.content 'Comment améliorer ma stratégie marketing ?'

say 'A favorite with tags'
tell POST "/api/chat/conversations/$CONVERSATION/favorite"
expect is_favorite true
tell POST "/api/chat/conversations/$CONVERSATION/tags" '{"tag": "marketing"}'
tell POST "/api/chat/conversations/$CONVERSATION/tags" '{"tag": "stratégie"}'
expect tags '["marketing", "stratégie"]'
tell DELETE "/api/chat/conversations/$CONVERSATION/tags/marketing"
expect tags '["stratégie"]'

say 'Found again, with a typing error and without the accent'
until_seen 'search finds it' now_has '/api/chat/search?q=stratgeie' \
    results.0.conversation_id "$CONVERSATION"
tell GET '/api/chat/search?q=stratgeie'
[ -n "$(value results.0.snippet)" ] || fail 'search shows no snippet'

say 'The dashboard knows it, and a website that another product reports'
ask POST /api/auth/tokens --header 'Content-Type: application/json' \
    --data '{"name": "website builder", "scopes": ["events:write"]}'
EVENTS_TOKEN=$(value token)
SESSION=$TOKEN TOKEN=
# `date` knows whole seconds only: in the one that the conversation changed in, the website would seem
# to be the older.
sleep 1
report created
report published
TOKEN=$SESSION
until_seen 'the dashboard counts the replies' now_has /api/dashboard/stats generations 2
until_seen 'the dashboard knows the website' \
    now_has /api/dashboard/notifications notifications.0.message \
    "Site 'Mon Portfolio' publié avec succès"
tell GET /api/dashboard/stats
expect websites 1
expect conversations 1
tell GET /api/dashboard/recent-projects
expect projects.0.name 'Mon Portfolio'
expect projects.0.status published
expect projects.1.id "$CONVERSATION"
tell GET /api/dashboard/recent-activity
expect activities.0.title 'Site web publié'
expect activities.1.title 'Site web créé'
tell GET /api/dashboard/notifications
expect unread_count 1

say 'Exported as text, Markdown, JSON, HTML, Word and PDF'
for format in txt md json html docx pdf; do
    printf '$ GET /api/chat/conversations/%s/export?format=%s\n' "$CONVERSATION" "$format"
    # However long it takes; without `Prefer`, Webox answers 202 with the job after 10 seconds.
    ask GET "/api/chat/conversations/$CONVERSATION/export?format=$format" --header 'Prefer: wait=60'
    [ "$(cat "$FILES/status")" = 200 ] || fail "the $format is not ready yet"
    mv "$ANSWER" "$FILES/conversation.$format"
done
grep -q 'stratégie marketing' "$FILES/conversation.txt" || fail 'the text is not in the text file'
grep -q 'stratégie marketing' "$FILES/conversation.md" || fail 'the text is not in the Markdown'
grep -q 'stratégie marketing' "$FILES/conversation.html" || fail 'the text is not in the page'
[ "$(head -c 5 "$FILES/conversation.pdf")" = '%PDF-' ] || fail 'this is no PDF'
[ "$(head -c 2 "$FILES/conversation.docx")" = PK ] || fail 'this is no Word document'
cp "$FILES/conversation.json" "$ANSWER"
expect format webox-conversation
expect messages.0.role user

say 'The same as a job in the background'
tell POST /api/exports "{\"format\": \"pdf\", \"conversation_ids\": [$CONVERSATION]}"
EXPORT=$(value id)
until_seen 'the export is done' now_has "/api/exports/$EXPORT" status 'done'
tell GET "/api/exports/$EXPORT"
SHA256=$(value sha256)
ask GET "$(value download_url)"
[ "$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
    "$ANSWER")" = "$SHA256" ] || fail 'the file is not what its job says'

say 'All that a search finds, in a ZIP'
tell POST /api/exports '{"format": "md", "filter": {"q": "strategie"}}'
until_seen 'the ZIP is there' now_has "/api/exports/$(value id)" status 'done'

say 'Deleted, and forgotten by everything'
tell DELETE "/api/chat/conversations/$CONVERSATION"
expect message 'Conversation deleted successfully'
answers 404 GET "/api/chat/conversations/$CONVERSATION" || fail 'it can still be read'
until_seen 'search forgets it' now_has '/api/chat/search?q=marketing' results '[]'
until_seen 'the dashboard forgets it' now_has /api/dashboard/stats conversations 0
until_seen 'its export expires' answers 410 GET "/api/exports/$EXPORT/download"
answers 404 GET "/api/chat/conversations/$CONVERSATION/export?format=pdf" ||
    fail 'it can still be exported'
tell GET /api/dashboard/recent-projects
expect projects.0.type website
case $(cat "$ANSWER") in *conversation*) fail 'the dashboard still lists it' ;; esac

rm "$ANSWER" "$FILES/status"
say "All as it should be. The exported files are in $FILES"
