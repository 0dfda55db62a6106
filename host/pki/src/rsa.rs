//! New RSA keys. aws-lc-rs can make them too, but looks at every candidate for a prime from scratch; with a sieve a key
//! takes a fifth less, and RSA keys are most of what `init` computes. Its randomness is used, and it checks every key that
//! is made here (the product, the exponents, the coefficient) before it takes it.

use std::convert::Infallible;

use aws_lc_rs::rand;
use aws_lc_rs::signature::RsaKeyPair;
use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd, Resize};
use crypto_primes::fips::{FipsOptions, is_prime};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, sieve_and_find};
use der::asn1::UintRef;
use der::{Encode, Sequence};
use rand_core::{TryCryptoRng, TryRng};

/// The public exponent of every key that anybody makes.
const EXPONENT: u32 = 65537;

/// A composite number passes for a prime with a probability of at most 2 to the power of minus this: FIPS 186-5,
/// table B.1, asks for 100 to 144, depending on the size of the key.
const CERTAINTY: u32 = 144;

/// Makes a key whose modulus has exactly `bits` bits. `None` if there is no randomness.
pub(crate) fn generate(bits: u32) -> Option<RsaKeyPair> {
    let mut source = Source { failed: false };
    let (p, q) = (prime(bits / 2, &mut source)?, prime(bits / 2, &mut source)?);
    if source.failed {
        return None;
    }
    RsaKeyPair::from_der(&encode(&p, &q, bits)?).ok()
}

/// A prime with its two highest bits set, so that the product of two has exactly the sum of their bits, and so that the
/// public exponent has an inverse.
fn prime(bits: u32, source: &mut Source) -> Option<BoxedUint> {
    let test = FipsOptions::with_error_bound(bits, CERTAINTY)?;
    let exponent = NonZero::new(BoxedUint::from(EXPONENT)).into_option()?;
    let factory = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb).ok()?;
    sieve_and_find(source, factory, |source, candidate: &BoxedUint| {
        is_prime(source, Flavor::Any, candidate, test) && candidate.rem(&exponent) != BoxedUint::one()
    })
    .ok()?
}

/// PKCS#1's `RSAPrivateKey` (RFC 8017, appendix A.1.2).
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime1: UintRef<'a>,
    prime2: UintRef<'a>,
    exponent1: UintRef<'a>,
    exponent2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

fn encode(p: &BoxedUint, q: &BoxedUint, bits: u32) -> Option<Vec<u8>> {
    let less_one = |prime: &BoxedUint| NonZero::new(prime.wrapping_sub(BoxedUint::one())).into_option();
    let (p1, q1) = (less_one(p)?, less_one(q)?);
    let e = BoxedUint::from(EXPONENT).resize(bits);
    let d = e.invert_mod(&NonZero::new(p1.as_ref().concatenating_mul(q1.as_ref())).into_option()?).into_option()?;
    let modulus_p = (NonZero::new(p.clone()).into_option()?, Odd::new(p.clone()).into_option()?);
    let coefficient = q.rem(&modulus_p.0).invert_odd_mod(&modulus_p.1).into_option()?;
    let numbers = [&p.concatenating_mul(q), &e, &d, p, q, &d.rem(&p1), &d.rem(&q1), &coefficient];
    let bytes = numbers.map(BoxedUint::to_be_bytes);
    let mut numbers = bytes.iter().map(|number| UintRef::new(number).ok());
    let mut next = || numbers.next().flatten();
    let key = RsaPrivateKey {
        version: 0,
        modulus: next()?,
        public_exponent: next()?,
        private_exponent: next()?,
        prime1: next()?,
        prime2: next()?,
        exponent1: next()?,
        exponent2: next()?,
        coefficient: next()?,
    };
    key.to_der().ok()
}

/// AWS-LC's generator, in the form that the search for primes takes. That form knows no failure, so it is remembered.
struct Source {
    failed: bool,
}

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= rand::fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Source {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn keys_have_their_size_and_sign() {
        let mut seen = BTreeSet::new();
        for bits in [2048, 2048, 3072, 4096] {
            let key = generate(bits).expect("a key");
            assert_eq!(key.public_modulus_len() * 8, bits as usize);
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), b"text", &mut signature).expect("signed");
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
            assert_eq!(public.verify(b"text", &signature), Ok(()));
            assert!(public.verify(b"another text", &signature).is_err());
            assert!(seen.insert(key.public_key().as_ref().to_vec()));
        }
    }

    #[test]
    fn primes_have_their_two_highest_bits_set_and_fit_the_exponent() {
        let mut source = Source { failed: false };
        for _ in 0..3 {
            let p = prime(1024, &mut source).expect("a prime");
            assert_eq!(p.to_be_bytes()[0] >> 6, 0b11);
            assert_eq!(p.to_be_bytes().len(), 128);
            assert!(crypto_primes::is_prime(Flavor::Any, &p));
        }
    }

    /// The key of every textbook, 61 and 53: 65537 is 17 more than a multiple of 60 · 52, so it does what 17 does there.
    #[test]
    fn small_numbers_are_put_together_as_on_paper() {
        let number = |value: u32| BoxedUint::from(value);
        let n = [2, 2, 0x0c, 0xa1]; // 3233
        let d = [2, 2, 0x0a, 0xc1]; // 2753
        let head = [0x30, 31, 2, 1, 0];
        let rest = [2, 1, 61, 2, 1, 53, 2, 1, 53, 2, 1, 49, 2, 1, 38];
        let expected = [&head[..], &n, &[2, 3, 1, 0, 1], &d, &rest].concat();
        assert_eq!(encode(&number(61), &number(53), 128), Some(expected));
    }
}
