// SPDX-License-Identifier: Apache-2.0
//
// The client's side of a Noise handshake: an interpreter of HandshakePattern for the initiator.
// Source: Noise specification revision 34, §5.3; protocol.md §1. Primitives: Bouncy Castle.
package dev.svr2.client.noise;

import dev.svr2.client.internal.Secrets;
import java.security.SecureRandom;
import java.util.Arrays;
import org.bouncycastle.crypto.kems.MLKEMExtractor;
import org.bouncycastle.crypto.params.MLKEMParameters;
import org.bouncycastle.crypto.params.MLKEMPrivateKeyParameters;
import org.bouncycastle.math.ec.rfc7748.X25519;

/**
 * Makes the first handshake message, takes the second, hands out the transport.
 *
 * <p>Calls must come in the order {@link #writeFirst}, {@link #readSecond}; any other order throws
 * IllegalStateException. After a NoiseException only {@link #close} is allowed. Not thread-safe.
 *
 * @since 0.1
 */
public final class NoiseInitiator implements AutoCloseable {
  /** Size of an X25519 key in bytes. */
  public static final int KEY_BYTES = 32;

  /** Size of the seed of an ML-KEM key in bytes (FIPS 203: d and z). */
  static final int KEM_SEED_BYTES = 64;

  /** Size of an ML-KEM-1024 ciphertext in bytes. */
  static final int KEM_CIPHERTEXT_BYTES = 1568;

  private static final int READY = 0;
  private static final int WAITING = 1;
  private static final int DONE = 2;

  private final HandshakePattern pattern;
  private final SymmetricState symmetric;
  private final byte[] remoteStatic;
  private final byte[] ephemeralPrivate = new byte[KEY_BYTES];
  private final MLKEMPrivateKeyParameters kemKey; // Null where the pattern has no KEM.
  private byte[] remoteEphemeral;
  private byte[] handshakeHash;
  private int state = READY;

  private NoiseInitiator(
      HandshakePattern pattern,
      byte[] prologue,
      byte[] remoteStatic,
      byte[] ephemeralPrivate,
      byte[] kemSeed) {
    if (remoteStatic.length != KEY_BYTES || ephemeralPrivate.length != KEY_BYTES) {
      throw new IllegalArgumentException("an X25519 key has 32 bytes");
    }
    this.pattern = pattern;
    this.remoteStatic = remoteStatic.clone();
    System.arraycopy(ephemeralPrivate, 0, this.ephemeralPrivate, 0, KEY_BYTES);
    kemKey =
        pattern == HandshakePattern.NK_HFS
            ? new MLKEMPrivateKeyParameters(MLKEMParameters.ml_kem_1024, kemSeed)
            : null;
    symmetric = new SymmetricState(pattern.protocolName);
    symmetric.mixHash(prologue);
    symmetric.mixHash(remoteStatic); // The pre-message "<- s".
  }

  /**
   * An initiator of Noise_NK_25519_ChaChaPoly_SHA256 with an empty prologue.
   *
   * @param remoteStatic the server's public key, 32 bytes, from verified evidence
   */
  public static NoiseInitiator nk(byte[] remoteStatic, SecureRandom random) {
    return withFreshKeys(HandshakePattern.NK, remoteStatic, random);
  }

  /** Likewise of Noise_NKhfs_25519+Kyber1024_ChaChaPoly_SHA256, that is with ML-KEM-1024. */
  public static NoiseInitiator nkHfs(byte[] remoteStatic, SecureRandom random) {
    return withFreshKeys(HandshakePattern.NK_HFS, remoteStatic, random);
  }

  private static NoiseInitiator withFreshKeys(
      HandshakePattern pattern, byte[] remoteStatic, SecureRandom random) {
    byte[] ephemeral = new byte[KEY_BYTES];
    byte[] kemSeed = new byte[KEM_SEED_BYTES];
    try {
      random.nextBytes(ephemeral);
      random.nextBytes(kemSeed);
      return withKeys(pattern, new byte[0], remoteStatic, ephemeral, kemSeed);
    } finally {
      Secrets.wipe(ephemeral, kemSeed);
    }
  }

  /** With everything given, for vectors; {@code kemSeed} is not looked at without a KEM. */
  static NoiseInitiator withKeys(
      HandshakePattern pattern,
      byte[] prologue,
      byte[] remoteStatic,
      byte[] ephemeralPrivate,
      byte[] kemSeed) {
    return new NoiseInitiator(pattern, prologue, remoteStatic, ephemeralPrivate, kemSeed);
  }

  /**
   * The first message, with an empty payload.
   *
   * @throws NoiseException when the server's key is of low order: agreement with it would be no
   *     secret
   */
  public byte[] writeFirst() throws NoiseException {
    return writeFirst(new byte[0]);
  }

  byte[] writeFirst(byte[] payload) throws NoiseException {
    require(READY);
    byte[] out = new byte[0];
    for (HandshakePattern.Token token : pattern.first) {
      if (token == HandshakePattern.Token.E) {
        byte[] ephemeralPublic = new byte[KEY_BYTES];
        X25519.scalarMultBase(ephemeralPrivate, 0, ephemeralPublic, 0);
        symmetric.mixHash(ephemeralPublic);
        out = concat(out, ephemeralPublic);
      } else if (token == HandshakePattern.Token.E1) {
        out = concat(out, symmetric.encryptAndHash(kemKey.getPublicKey()));
      } else {
        mixAgreement(token);
      }
    }
    out = concat(out, symmetric.encryptAndHash(payload));
    state = WAITING;
    return out;
  }

  /**
   * Takes the second message, whose payload must be empty, and ends the handshake.
   *
   * @throws NoiseException when it has another size, does not verify, or its key is of low order
   */
  public NoiseTransport readSecond(byte[] message) throws NoiseException {
    if (readSecondPayload(message).length != 0) {
      throw new NoiseException("a handshake message with a payload");
    }
    return transport();
  }

  byte[] readSecondPayload(byte[] message) throws NoiseException {
    require(WAITING);
    state = DONE; // Whatever happens next, this handshake takes no second message again.
    int offset = 0;
    for (HandshakePattern.Token token : pattern.second) {
      if (token == HandshakePattern.Token.E) {
        remoteEphemeral = part(message, offset, KEY_BYTES);
        symmetric.mixHash(remoteEphemeral);
        offset += KEY_BYTES;
      } else if (token == HandshakePattern.Token.EKEM1) {
        int size = KEM_CIPHERTEXT_BYTES + symmetric.overheadBytes();
        mixKemSecret(symmetric.decryptAndHash(part(message, offset, size)));
        offset += size;
      } else {
        mixAgreement(token);
      }
    }
    byte[] payload = symmetric.decryptAndHash(Arrays.copyOfRange(message, offset, message.length));
    handshakeHash = symmetric.handshakeHash();
    return payload;
  }

  NoiseTransport transport() {
    if (handshakeHash == null) {
      throw new IllegalStateException("the handshake has not succeeded");
    }
    CipherState[] ciphers = symmetric.split();
    close();
    return new NoiseTransport(ciphers[0], ciphers[1]);
  }

  /**
   * The hash of the finished handshake, 32 bytes, a copy: both sides have the same, no other
   * session has it, and it is no secret (Noise specification §11.2). May be called after {@link
   * #close}.
   *
   * @throws IllegalStateException when the handshake has not succeeded
   */
  public byte[] handshakeHash() {
    if (handshakeHash == null) {
      throw new IllegalStateException("the handshake has not succeeded");
    }
    return handshakeHash.clone();
  }

  private void mixAgreement(HandshakePattern.Token token) throws NoiseException {
    byte[] remote = token == HandshakePattern.Token.ES ? remoteStatic : remoteEphemeral;
    byte[] shared = new byte[KEY_BYTES];
    try {
      if (!X25519.calculateAgreement(ephemeralPrivate, 0, remote, 0, shared, 0)) {
        throw new NoiseException("a public key of low order");
      }
      symmetric.mixKey(shared);
    } finally {
      Secrets.wipe(shared);
    }
  }

  private void mixKemSecret(byte[] ciphertext) {
    byte[] shared = new MLKEMExtractor(kemKey).extractSecret(ciphertext);
    symmetric.mixKey(shared);
    Secrets.wipe(shared);
  }

  private static byte[] part(byte[] message, int offset, int size) throws NoiseException {
    if (message.length - offset < size) {
      throw new NoiseException("a handshake message that is too short");
    }
    return Arrays.copyOfRange(message, offset, offset + size);
  }

  private void require(int wanted) {
    if (state != wanted) {
      throw new IllegalStateException("handshake calls out of order");
    }
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] out = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, out, a.length, b.length);
    return out;
  }

  /** Erases the keys. May be called at any time and twice. */
  @Override
  public void close() {
    state = DONE;
    Secrets.wipe(ephemeralPrivate);
    if (kemKey != null) {
      kemKey.destroy();
    }
    symmetric.wipe();
  }
}
