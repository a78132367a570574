//! Whole logins against numbers from pysrp, invalid public values, and the example of RFC
//! 5054.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use cmdchat_core::{
    crypto::srp::{
        ClientStart, PublicValue, PublicValueError, Salt, SaltTooLong, ServerChallenge, Verifier,
        WrongProof,
    },
    secret::{Password, Secret},
};
use serde_json::Value;
use zeroize::Zeroizing;

mod vectors;
use vectors::{bytes, file, list};

fn secret(case: &Value, field: &str) -> Secret<32> {
    Secret::fill_with(|own| own.copy_from_slice(&bytes(case, field)))
}

fn password(bytes: &[u8]) -> Password {
    Password::new(Zeroizing::new(bytes.to_vec()))
}

#[test]
fn srp_login_matches_pysrp() {
    let file = file("srp_rfc5054_2048_sha256.json");
    let mut ran = 0;
    for case in list(&file, "vectors") {
        let password = password(&bytes(case, "password_utf8_hex"));
        let salt = Salt::from_wire(&bytes(case, "salt")).unwrap();
        assert_eq!(salt.as_bytes(), bytes(case, "salt_effective"));

        let client = ClientStart::new(secret(case, "a"));
        let server = ServerChallenge::new(
            Arc::new(Verifier::new(&password, salt.clone())),
            secret(case, "b"),
        );
        assert_eq!(client.public(), bytes(case, "A"));
        assert_eq!(server.public(), bytes(case, "B"));

        let b = PublicValue::from_wire(server.public()).unwrap();
        let server = server.answer(&PublicValue::from_wire(client.public()).unwrap());
        let client = client.answer(&password, &salt, &b);
        assert_eq!(client.proof().as_slice(), bytes(case, "M"));

        let proven = server.check(client.proof()).unwrap();
        assert_eq!(proven.h_amk.as_slice(), bytes(case, "H_AMK"));
        assert_eq!(proven.session_key.expose().as_slice(), bytes(case, "K"));
        assert_eq!(client.check(&proven.h_amk).unwrap(), proven.session_key);
        ran += 1;
    }
    assert_eq!(ran, 61);
}

/// Without valid M and H_AMK, neither side obtains the session key.
#[test]
fn modified_proofs_are_rejected() {
    let file = file("srp_rfc5054_2048_sha256.json");
    let case = &list(&file, "vectors")[3];
    let password = password(&bytes(case, "password_utf8_hex"));
    let salt = Salt::from_wire(&bytes(case, "salt")).unwrap();
    let verifier = Arc::new(Verifier::new(&password, salt.clone()));
    let a = PublicValue::from_wire(&bytes(case, "A")).unwrap();
    let b = PublicValue::from_wire(&bytes(case, "B")).unwrap();
    let server = || ServerChallenge::new(Arc::clone(&verifier), secret(case, "b")).answer(&a);
    let client = || ClientStart::new(secret(case, "a")).answer(&password, &salt, &b);

    for (right, field) in [(bytes(case, "M"), "M"), (bytes(case, "H_AMK"), "H_AMK")] {
        let mut wrong = vec![
            vec![],
            vec![0; 32],
            vec![0xff; 4096],
            right[..31].to_vec(),
            [&right[..], &[0]].concat(),
        ];
        for at in [0, 15, 31] {
            let mut flipped = right.clone();
            flipped[at] ^= 1;
            wrong.push(flipped);
        }
        for proof in wrong {
            if field == "M" {
                assert_eq!(server().check(&proof).unwrap_err(), WrongProof);
            } else {
                assert_eq!(client().check(&proof).unwrap_err(), WrongProof);
            }
        }
    }
}

#[test]
fn proof_of_wrong_passphrase_is_rejected() {
    let salt = Salt::from_wire(b"cmdchat2saltsalt").unwrap();
    let verifier = Arc::new(Verifier::new(&password(b"right"), salt.clone()));
    let server = ServerChallenge::new(verifier, Secret::take(&mut [1; 32]));
    let client = ClientStart::new(Secret::take(&mut [2; 32]));
    let a = PublicValue::from_wire(client.public()).unwrap();
    let b = PublicValue::from_wire(server.public()).unwrap();
    let client = client.answer(&password(b"wrong"), &salt, &b);
    assert_eq!(server.answer(&a).check(client.proof()).unwrap_err(), WrongProof);
}

#[test]
fn srp_public_values_are_validated() {
    let n = bytes(&file("srp_rfc5054_2048_sha256.json"), "N");
    assert_eq!((n.len(), n[255]), (256, 0x73));
    // N ends in 0x73, so these neighbours differ only in the last byte.
    let near = |last: u8| [&n[..255], &[last]].concat();
    let double: Vec<u8> = {
        let mut carry = 0;
        let mut low_first: Vec<u8> = n
            .iter()
            .rev()
            .map(|byte| {
                let doubled = u16::from(*byte) * 2 + carry;
                carry = doubled >> 8;
                doubled as u8
            })
            .collect();
        low_first.push(carry as u8);
        low_first.into_iter().rev().collect()
    };
    assert_eq!(double.len(), 257);
    let long_five = [vec![0; 299], vec![5]].concat();
    let long_good = [vec![0; 44], near(0x71)].concat();

    let cases: [(&str, &[u8], bool); 19] = [
        ("empty", &[], false),
        ("0", &[0], false),
        ("0 of 256 bytes", &[0; 256], false),
        ("0 of 300 bytes", &[0; 300], false),
        ("1", &[1], false),
        ("1 with zeros before it", &[0, 0, 1], false),
        ("2 = g", &[2], true),
        ("5 with zeros before it, 300 bytes", &long_five, true),
        ("255", &[0xff], true),
        ("2^64", &[1, 0, 0, 0, 0, 0, 0, 0, 0], true),
        ("N - 2", &near(0x71), true),
        ("N - 2 with zeros before it, 300 bytes", &long_good, true),
        ("N - 1", &near(0x72), false),
        ("N", &n, false),
        ("N + 5", &near(0x78), false),
        ("2^2048 - 1", &[0xff; 256], false),
        ("2^2048", &[&[1][..], &[0; 256]].concat(), false),
        ("2 N", &double, false),
        ("a megabyte", &vec![0xff; 1 << 20], false),
    ];
    let salt = Salt::from_wire(b"salt").unwrap();
    let verifier = Arc::new(Verifier::new(&password(b"x"), salt.clone()));
    for (what, wire, good) in cases {
        let value = PublicValue::from_wire(wire);
        if good {
            // Both sides accept the value and its short form.
            let value = value.unwrap();
            let server = ServerChallenge::new(Arc::clone(&verifier), Secret::take(&mut [1; 32]));
            assert!(server.answer(&value).check(&[0; 32]).is_err(), "{what}");
            let client = ClientStart::new(Secret::take(&mut [2; 32]));
            assert!(
                client.answer(&password(b"x"), &salt, &value).check(&[0; 32]).is_err(),
                "{what}"
            );
        } else {
            assert_eq!(value, Err(PublicValueError), "{what}");
        }
    }
    assert_eq!(PublicValue::from_wire(&long_five), PublicValue::from_wire(&[5]));
}

#[test]
fn srp_salt_length_is_limited() {
    for (wire, kept) in
        [(&[][..], 0), (&[0; 16], 0), (&[1; 64], 64), (&[[0; 64], [1; 64]].concat(), 64)]
    {
        assert_eq!(Salt::from_wire(wire).unwrap().as_bytes().len(), kept);
    }
    assert_eq!(Salt::from_wire(&[1; 65]), Err(SaltTooLong));
}

/// RFC 5054 appendix B uses SHA-1 and 1024 bits, which the core does not support. The test
/// shows that the functions the core calls conform to the RFC.
#[test]
#[allow(deprecated, reason = "the RFC's example is of the small group")]
fn rfc_5054_appendix_b() {
    use sha1::{Digest as _, Sha1};
    use srp::{
        Client, Group as _, Server,
        bigint::BoxedUint,
        groups::G1024,
        utils::{compute_hash_n_xor_hash_pad_g, compute_k, compute_u_padded},
    };

    let case = file("srp_rfc5054_appendix_b.json");
    let number = |field| BoxedUint::from_be_slice_vartime(&bytes(&case, field));
    let hash = |parts: &[&[u8]]| -> Vec<u8> {
        let hasher = parts.iter().fold(Sha1::new(), |hasher, part| hasher.chain_update(part));
        hasher.finalize().to_vec()
    };
    let text = |field| vectors::text(&case, field).as_bytes();
    let (client, server, group) =
        (Client::<G1024, Sha1>::new(), Server::<G1024, Sha1>::new(), G1024::generator());
    assert_eq!(*group.params().modulus().as_ref(), number("N"));

    let k = compute_k::<Sha1>(&group);
    let x = hash(&[&bytes(&case, "salt"), &hash(&[text("identity"), b":", text("password")])]);
    let x = BoxedUint::from_be_slice_vartime(&x);
    let (v, a, b) = (client.compute_g_x(&x), number("a"), number("b"));
    let (a_public, b_public) = (client.compute_g_x(&a), server.compute_b_pub(&b, &k, &v));
    let u = compute_u_padded::<Sha1>(&group, &a_public.to_be_bytes(), &b_public.to_be_bytes());
    let s = client.compute_premaster_secret(&b_public, &k, &x, &a, &u);
    assert_eq!(s, server.compute_premaster_secret(&a_public, &v, &u, &b));
    let made =
        [("k", &k), ("x", &x), ("v", &v), ("A", &a_public), ("B", &b_public), ("u", &u), ("S", &s)];
    for (field, value) in made {
        assert_eq!(*value, number(field), "{field}");
    }

    let session_key = hash(&[&s.to_be_bytes_trimmed_vartime()]);
    assert_eq!(session_key, bytes(&case, "pysrp_K"));
    let m = hash(&[
        &compute_hash_n_xor_hash_pad_g::<Sha1>(&group),
        &hash(&[text("identity")]),
        &bytes(&case, "salt"),
        &a_public.to_be_bytes_trimmed_vartime(),
        &b_public.to_be_bytes_trimmed_vartime(),
        &session_key,
    ]);
    assert_eq!(m, bytes(&case, "pysrp_M"));
    assert_eq!(
        hash(&[&a_public.to_be_bytes_trimmed_vartime(), &m, &session_key]),
        bytes(&case, "pysrp_H_AMK")
    );
}
