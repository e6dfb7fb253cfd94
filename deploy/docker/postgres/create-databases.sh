#!/bin/sh
# Run by the PostgreSQL image on its first start: a database and a role for each service,
# which nobody else may connect to.
set -eu

create() {
    service=$1
    password=$2
    psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres \
        --set ON_ERROR_STOP=1 --set name="webox_$service" --set password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

create gateway "$GATEWAY_DATABASE_PASSWORD"
create chat "$CHAT_DATABASE_PASSWORD"
create search "$SEARCH_DATABASE_PASSWORD"
create exporter "$EXPORTER_DATABASE_PASSWORD"
create dashboard "$DASHBOARD_DATABASE_PASSWORD"
