// SPDX-License-Identifier: Apache-2.0
//
// SymmetricState of the Noise specification (revision 34, §5.2) with SHA256 (§12.5).
package dev.svr2.client.noise;

import dev.svr2.client.internal.Secrets;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.macs.HMac;
import org.bouncycastle.crypto.params.KeyParameter;

/** Chaining key, handshake hash and the handshake's cipher. Not thread-safe. */
final class SymmetricState {
  static final int HASH_BYTES = 32;
  private static final byte[] NOTHING = new byte[0];

  private final CipherState cipher = new CipherState();
  private final byte[] chainingKey;
  private byte[] hash;

  SymmetricState(String protocolName) {
    byte[] name = protocolName.getBytes(StandardCharsets.US_ASCII);
    hash = name.length <= HASH_BYTES ? Arrays.copyOf(name, HASH_BYTES) : sha256(name, NOTHING);
    chainingKey = hash.clone();
  }

  void mixHash(byte[] data) {
    hash = sha256(hash, data);
  }

  void mixKey(byte[] inputKeyMaterial) {
    byte[][] out = hkdf2(inputKeyMaterial);
    System.arraycopy(out[0], 0, chainingKey, 0, HASH_BYTES);
    cipher.initializeKey(out[1]);
    Secrets.wipe(out);
  }

  byte[] encryptAndHash(byte[] plaintext) {
    byte[] out =
        cipher.hasKey() ? cipher.encrypt(hash, plaintext, 0, plaintext.length) : plaintext.clone();
    mixHash(out);
    return out;
  }

  byte[] decryptAndHash(byte[] in) throws NoiseException {
    byte[] out = cipher.hasKey() ? cipher.decrypt(hash, in, 0, in.length) : in.clone();
    mixHash(in);
    return out;
  }

  /** Bytes by which encryptAndHash lengthens at present: 0 before the first key, then 16. */
  int overheadBytes() {
    return cipher.hasKey() ? CipherState.TAG_BYTES : 0;
  }

  byte[] handshakeHash() {
    return hash.clone();
  }

  /** The ciphers of the transport phase: initiator to responder, then back. */
  CipherState[] split() {
    byte[][] keys = hkdf2(NOTHING);
    CipherState[] out = {new CipherState(), new CipherState()};
    out[0].initializeKey(keys[0]);
    out[1].initializeKey(keys[1]);
    Secrets.wipe(keys);
    return out;
  }

  void wipe() {
    cipher.wipe();
    Secrets.wipe(chainingKey);
  }

  /** HKDF with two outputs as §4.3 of the specification defines it. */
  private byte[][] hkdf2(byte[] inputKeyMaterial) {
    byte[] temp = hmac(chainingKey, inputKeyMaterial, (byte) 0, false);
    byte[] first = hmac(temp, NOTHING, (byte) 1, true);
    byte[] second = hmac(temp, first, (byte) 2, true);
    Secrets.wipe(temp);
    return new byte[][] {first, second};
  }

  private static byte[] hmac(byte[] key, byte[] data, byte last, boolean appendLast) {
    HMac mac = new HMac(new SHA256Digest());
    mac.init(new KeyParameter(key));
    mac.update(data, 0, data.length);
    if (appendLast) {
      mac.update(last);
    }
    byte[] out = new byte[HASH_BYTES];
    mac.doFinal(out, 0);
    return out;
  }

  private static byte[] sha256(byte[] first, byte[] second) {
    SHA256Digest digest = new SHA256Digest();
    digest.update(first, 0, first.length);
    digest.update(second, 0, second.length);
    byte[] out = new byte[HASH_BYTES];
    digest.doFinal(out, 0);
    return out;
  }
}
