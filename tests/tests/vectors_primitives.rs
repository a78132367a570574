//! The primitives of Fernet and of the key derivations, as the core calls them, against
//! Wycheproof. Every test prints its number of cases.

#![allow(clippy::unwrap_used, reason = "a test")]

use aes::{
    Aes128,
    cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7},
};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

mod vectors;
use vectors::{bytes, file, groups, text};

#[test]
fn aes_128_cbc_with_padding() {
    let (mut right, mut refused) = (0, 0);
    for (group, case) in &groups(&file("wycheproof_aes_cbc_pkcs5.json")) {
        if group["keySize"] != 128 {
            continue;
        }
        let key: [u8; 16] = bytes(case, "key").try_into().unwrap();
        let iv: [u8; 16] = bytes(case, "iv").try_into().unwrap();
        let mut sealed = bytes(case, "ct");
        let opened = cbc::Decryptor::<Aes128>::new(&key.into(), &iv.into())
            .decrypt_padded::<Pkcs7>(&mut sealed);
        if text(case, "result") == "valid" {
            let message = bytes(case, "msg");
            assert_eq!(opened.unwrap(), message, "case {}", case["tcId"]);
            let mut room = vec![0; message.len() + 16];
            let sealed = cbc::Encryptor::<Aes128>::new(&key.into(), &iv.into())
                .encrypt_padded_b2b::<Pkcs7>(&message, &mut room)
                .unwrap();
            assert_eq!(sealed, bytes(case, "ct"), "case {}", case["tcId"]);
            right += 1;
        } else {
            assert!(opened.is_err(), "case {}", case["tcId"]);
            refused += 1;
        }
    }
    assert_eq!((right, refused), (24, 48));
}

#[test]
fn hmac_sha_256() {
    let (mut right, mut refused) = (0, 0);
    for (group, case) in &groups(&file("wycheproof_hmac_sha256.json")) {
        let mac = Hmac::<Sha256>::new_from_slice(&bytes(case, "key"))
            .unwrap()
            .chain_update(bytes(case, "msg"));
        let tag = bytes(case, "tag");
        let checked = match group["tagSize"].as_u64() {
            Some(256) => mac.verify_slice(&tag),
            _ => mac.verify_truncated_left(&tag),
        };
        let valid = text(case, "result") == "valid";
        assert_eq!(checked.is_ok(), valid, "case {}", case["tcId"]);
        if valid { right += 1 } else { refused += 1 }
    }
    assert_eq!(right + refused, 174);
    assert!(right > 0 && refused > 0);
}

#[test]
fn hkdf_sha_256() {
    let (mut right, mut refused) = (0, 0);
    for (_, case) in &groups(&file("wycheproof_hkdf_sha256.json")) {
        let kdf = Hkdf::<Sha256>::new(Some(&bytes(case, "salt")), &bytes(case, "ikm"));
        let mut made = vec![0; usize::try_from(case["size"].as_u64().unwrap()).unwrap()];
        let done = kdf.expand(&bytes(case, "info"), &mut made);
        if text(case, "result") == "valid" {
            done.unwrap();
            assert_eq!(made, bytes(case, "okm"), "case {}", case["tcId"]);
            right += 1;
        } else {
            assert!(done.is_err(), "case {}", case["tcId"]);
            refused += 1;
        }
    }
    assert_eq!((right, refused), (83, 3));
}
