#!/bin/sh
# Regenerates the keys and certificates of this folder. It needs OpenSSL 3.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

key() { # name, algorithm, option
	openssl genpkey -quiet -algorithm "$2" -pkeyopt "$3" -out "$1.key"
}

# An authority's database, which `openssl ca` needs: it is the only command of 3.0 that sets both ends of the validity.
sign() { # certificate, common name, extensions, key, issuer's certificate, issuer's key, not before, not after
	printf '%s\n' "$3" >"$work/extensions"
	: >"$work/index.txt"
	cat >"$work/ca.cnf" <<-END
		[ca]
		default_ca = own
		[own]
		new_certs_dir = $work
		database = $work/index.txt
		rand_serial = yes
		default_md = sha256
		policy = any
		unique_subject = no
		crlnumber = $work/crlnumber
		default_crl_days = 10000
		crl_extensions = list
		[list]
		authorityKeyIdentifier = keyid
		[any]
		commonName = supplied
	END
	openssl req -new -key "$4" -subj "/CN=$2" -out "$work/request"
	issuer="-cert $5 -keyfile $6"
	[ "$5" = self ] && issuer="-selfsign -keyfile $4"
	openssl ca -batch -notext -config "$work/ca.cnf" -in "$work/request" -out "$1" $issuer \
		-startdate "$7" -enddate "$8" -extfile "$work/extensions" 2>/dev/null
}

A=20200101000000Z
Z=20590101000000Z
CA="basicConstraints=critical,CA:true
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash"
LEAF="basicConstraints=CA:false
subjectAltName=DNS:game.example"

for name in authority intermediate server player; do key $name EC ec_paramgen_curve:P-256; done
key p384 EC ec_paramgen_curve:P-384
key rsa4096 RSA rsa_keygen_bits:4096

sign authority.crt "Test authority" "$CA" authority.key self - $A $Z
sign intermediate.crt "Test intermediate" "$CA" intermediate.key authority.crt authority.key $A $Z
sign leaf.crt game.example "$LEAF" server.key intermediate.crt intermediate.key $A $Z
cat leaf.crt intermediate.crt >chain.crt
rm leaf.crt
sign expired.crt game.example "$LEAF" server.key authority.crt authority.key $A 20210101000000Z
sign not_yet_valid.crt game.example "$LEAF" server.key authority.crt authority.key 20580101000000Z $Z
sign common_name.crt game.example "basicConstraints=CA:false" server.key authority.crt authority.key $A $Z
sign ip.crt anything "basicConstraints=CA:false
subjectAltName=IP:127.0.0.1" server.key authority.crt authority.key $A $Z
sign player.crt player "basicConstraints=CA:false" player.key authority.crt authority.key $A $Z
sign p384.crt game.example "$LEAF" p384.key self - $A $Z
sign rsa4096.crt game.example "$LEAF" rsa4096.key self - $A $Z
sign engine.crt game.example "basicConstraints=critical,CA:true" server.key self - $A $Z

# The intermediate's list, which revokes the server's certificate.
echo 01 >"$work/crlnumber"
: >"$work/index.txt"
openssl ca -config "$work/ca.cnf" -cert intermediate.crt -keyfile intermediate.key -revoke chain.crt 2>/dev/null
openssl ca -config "$work/ca.cnf" -cert intermediate.crt -keyfile intermediate.key -gencrl -out revoked.crl 2>/dev/null
rm authority.key intermediate.key
