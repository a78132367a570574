//! Tests of the private SRP intermediates. The workspace's `tests/` cover whole logins.

use serde_json::Value;

use super::*;

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap()).unwrap()
}

fn secret(case: &Value, field: &str) -> Secret<32> {
    Secret::fill_with(|own| own.copy_from_slice(&bytes(case, field)))
}

fn stripped(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().into()
}

#[test]
fn srp_intermediates_match_pysrp() {
    let file: Value = serde_json::from_str(include_str!(
        "../../../../tests/vectors/srp_rfc5054_2048_sha256.json"
    ))
    .unwrap();
    let group = G2048::generator();
    assert_eq!(stripped(group.params().modulus()), bytes(&file, "N"));
    assert_eq!(stripped(&group.retrieve()), bytes(&file, "g"));
    assert_eq!(stripped(&compute_k::<Sha256>(&group)), bytes(&file, "k"));

    let cases = file["vectors"].as_array().unwrap();
    assert_eq!(cases.len(), 61);
    for case in cases {
        let password = Password::new(Zeroizing::new(bytes(case, "password_utf8_hex")));
        let salt = Salt::from_wire(&bytes(case, "salt")).unwrap();
        assert_eq!(salt.as_bytes(), bytes(case, "salt_effective"));
        assert_eq!(stripped(&private_key(&password, &salt)), bytes(case, "x"));
        let verifier = Arc::new(Verifier::new(&password, salt.clone()));
        assert_eq!(stripped(&verifier.v), bytes(case, "v"));

        let client = ClientStart::new(secret(case, "a"));
        let server = ServerChallenge::new(verifier, secret(case, "b"));
        assert_eq!(client.public(), bytes(case, "A"));
        assert_eq!(server.public(), bytes(case, "B"));
        assert_eq!(stripped(&scrambler(client.public(), server.public())), bytes(case, "u"));

        let a = PublicValue::from_wire(client.public()).unwrap();
        let b = PublicValue::from_wire(server.public()).unwrap();
        assert_eq!(stripped(&client.premaster(&password, &salt, &b)), bytes(case, "S"));
        assert_eq!(stripped(&server.premaster(&a)), bytes(case, "S"));

        let client = client.answer(&password, &salt, &b);
        let server = server.answer(&a);
        for (made, field) in [
            (&client.0.session_key, "K"),
            (&client.0.m, "M"),
            (&client.0.h_amk, "H_AMK"),
            (&server.proven.session_key, "K"),
            (&server.m, "M"),
        ] {
            assert_eq!(made.expose().as_slice(), bytes(case, field), "{field}");
        }
        assert_eq!(server.proven.h_amk.as_slice(), bytes(case, "H_AMK"));
    }
}

#[test]
fn ephemeral_secret_has_its_top_bit_set() {
    let b = SecretUint::ephemeral(&Secret::take(&mut [0; 32]));
    assert_eq!(b.bit_width_vartime(), 256);
}
