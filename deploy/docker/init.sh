#!/bin/sh
# Writes the passwords that docker-compose.yml needs into .env, each random, once.
# What is there already stays as it is.
set -eu
cd "$(dirname "$0")/../.."
umask 077

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

touch .env
for name in \
    POSTGRES_PASSWORD \
    GATEWAY_DATABASE_PASSWORD \
    CHAT_DATABASE_PASSWORD \
    SEARCH_DATABASE_PASSWORD \
    EXPORTER_DATABASE_PASSWORD \
    DASHBOARD_DATABASE_PASSWORD \
    REDIS_PASSWORD \
    MEILISEARCH_MASTER_KEY; do
    if ! grep -q "^$name=." .env; then
        echo "$name=$(random)" >> .env
        echo "made $name"
    fi
done
chmod 600 .env
echo "The passwords are in $(pwd)/.env. Now: docker compose up --build --wait"
