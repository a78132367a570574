//! Comparison of every power with the `srp` crate, which uses no tables.

use proptest::prelude::*;
use sha2::Sha256;

use super::*;

type Server = srp::ServerG2048<Sha256>;
type Client = srp::ClientG2048<Sha256>;

fn below_n(distance: u8) -> BoxedUint {
    G.one.params().modulus().wrapping_sub(BoxedUint::from(distance))
}

fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

/// Exponents with each single bit set, plus edge cases: all bits select the largest entry.
fn exponents() -> impl Iterator<Item = BoxedUint> {
    let bit = |at: usize| {
        let mut bytes = [0; 32];
        bytes[at / 8] = 0x80 >> (at % 8);
        bytes
    };
    let top = |mut bytes: [u8; 32]| {
        bytes[0] |= 0x80;
        bytes
    };
    let edges = [[0; 32], [0xff; 32], top(bit(255)), [0x7f; 32], [0xa5; 32]];
    (0..256).map(bit).chain(edges).map(|bytes| number(&bytes))
}

fn assert_generator_pow_matches(exponent: &BoxedUint) {
    assert_eq!(*G.pow(exponent).number(), Client::new().compute_g_x(exponent), "{exponent:?}");
}

/// Checks `v^u` and `(A * v^u)^b` with one set of tables for all `logins`.
fn assert_server_premaster_matches(
    v: &BoxedUint,
    logins: impl IntoIterator<Item = [BoxedUint; 3]>,
) {
    let tables = FixedBase::new(&GroupElement::new(v));
    for [a, u, b] in logins {
        let base = GroupElement::new(&a).mul(&tables.pow(&u));
        let expected = Server::new().compute_premaster_secret(&a, v, &u, &b);
        assert_eq!(*base.pow(&b).number(), expected, "{a:?}, {v:?}, {u:?}, {b:?}");
    }
}

#[test]
fn fixed_base_pow_matches_generic_pow() {
    for exponent in exponents() {
        assert_generator_pow_matches(&exponent);
    }
    let v = number(&[0xc3; 255]);
    let tables = FixedBase::new(&GroupElement::new(&v));
    for exponent in exponents() {
        let expected = GroupElement::new(&v).pow(&exponent);
        assert_eq!(*tables.pow(&exponent).number(), *expected.number(), "{exponent:?}");
    }
}

#[test]
fn group_edge_cases_match_srp_crate() {
    let edges = || [number(&[2]), number(&[0xff; 255]), below_n(2)];
    for v in edges() {
        let mut logins = Vec::new();
        for a in edges() {
            for u in [&[0][..], &[1], &[0, 0, 0xff], &[0x80; 16], &[0xff; 32]] {
                for b in [[0x80; 32], [0xff; 32]] {
                    logins.push([a.clone(), number(u), number(&b)]);
                }
            }
        }
        assert_server_premaster_matches(&v, logins);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn group_arithmetic_matches_srp_crate(
        v: [u8; 32], a: [[u8; 32]; 7], u: [u8; 32], b: [u8; 32], hides: [u8; 32],
    ) {
        let [u, b] = [u, b].map(|bytes| number(&bytes));
        assert_generator_pow_matches(&b);
        let v = Client::new().compute_g_x(&number(&v));
        let k = number(&hides);
        let public = GroupElement::new(&k).mul(&GroupElement::new(&v)).add(&G.pow(&b));
        prop_assert_eq!(&*public.number(), &Server::new().compute_b_pub(&b, &k, &v));
        assert_server_premaster_matches(&v, [[number(a.as_flattened()), u, b]]);
    }
}
