#!/bin/sh
# Makes the certificates beside this file: an authority of our own, and a server on this machine that it vouches for.
# Valid from 2020 to 2120, so that no clock makes the tests fail. Nobody else believes this authority, and its key is
# thrown away.
set -e
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
cat > "$scratch/openssl.cnf" <<CONFIG
[ca]
default_ca = ours
[ours]
database = $scratch/index
new_certs_dir = $scratch
rand_serial = yes
default_md = sha256
policy = policy
[policy]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
CONFIG
: > "$scratch/index"
for who in authority server; do
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$scratch/$who.key"
    openssl req -new -config "$scratch/openssl.cnf" -key "$scratch/$who.key" -subj "/CN=atrophy test $who" -out "$scratch/$who.csr"
done
sign="openssl ca -batch -notext -config $scratch/openssl.cnf -startdate 20200101000000Z -enddate 21200101000000Z"
$sign -selfsign -keyfile "$scratch/authority.key" -extensions authority -in "$scratch/authority.csr" -out authority.pem
$sign -cert authority.pem -keyfile "$scratch/authority.key" -extensions server -in "$scratch/server.csr" -out server.pem
cp "$scratch/server.key" server.key
