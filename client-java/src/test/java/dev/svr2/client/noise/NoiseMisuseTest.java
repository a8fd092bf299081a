// SPDX-License-Identifier: Apache-2.0
//
// Altered messages, calls out of order, unusable keys, framing at its limits.
package dev.svr2.client.noise;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.svr2.client.Handshake;
import dev.svr2.client.testing.NoiseResponder;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class NoiseMisuseTest {
  private static final byte[] SERVER = filled(0x41);
  private static final byte[] SERVER_PUBLIC = NoiseResponder.publicKey(SERVER);

  private final NoiseResponder responder = responder(SERVER, filled(0x42));
  private final NoiseInitiator initiator = initiator(SERVER_PUBLIC, new SecureRandom());

  /** The handshake under test; NoiseHfsMisuseTest has the other. */
  Handshake handshake() {
    return Handshake.NK;
  }

  private NoiseResponder responder(byte[] staticKey, byte[] ephemeralKey) {
    return new NoiseResponder(handshake(), staticKey, ephemeralKey);
  }

  private NoiseInitiator initiator(byte[] serverKey, SecureRandom random) {
    return handshake() == Handshake.NK
        ? NoiseInitiator.nk(serverKey, random)
        : NoiseInitiator.nkHfs(serverKey, random);
  }

  private int messageBytes() {
    return NoiseResponder.messageBytes(handshake());
  }

  /** The next bit to alter: all of the ends of a message, some of the KEM's part. */
  private int next(int bit) {
    boolean inKem = bit / 8 > 50 && bit / 8 < messageBytes() - 32;
    return bit + (inKem ? 61 : 1);
  }

  private static byte[] filled(int value) {
    byte[] out = new byte[32];
    Arrays.fill(out, (byte) value);
    return out;
  }

  private static byte[] flipped(byte[] in, int bit) {
    byte[] out = in.clone();
    out[bit / 8] ^= (byte) (1 << (bit % 8));
    return out;
  }

  private NoiseTransport established() throws Exception {
    return initiator.readSecond(responder.answer(initiator.writeFirst()));
  }

  @Test
  void theHandshakeHashIsThereOnceTheHandshakeSucceeded() throws Exception {
    assertThrows(IllegalStateException.class, initiator::handshakeHash);
    established().close();
    byte[] hash = initiator.handshakeHash();
    assertEquals(32, hash.length);
    hash[0] ^= 1;
    assertNotEquals(hash[0], initiator.handshakeHash()[0]);
  }

  @Test
  void everyBitOfTheFirstMessageCounts() throws Exception {
    byte[] first = initiator.writeFirst();
    assertEquals(messageBytes(), first.length);
    for (int bit = 0; bit < first.length * 8; bit = next(bit)) {
      byte[] altered = flipped(first, bit);
      NoiseResponder other = responder(SERVER, filled(0x42));
      assertThrows(GeneralSecurityException.class, () -> other.answer(altered), "bit " + bit);
    }
  }

  @Test
  void everyBitOfTheSecondMessageCounts() throws Exception {
    for (int bit = 0; bit < messageBytes() * 8; bit = next(bit)) {
      NoiseInitiator fresh = initiator(SERVER_PUBLIC, new SecureRandom());
      NoiseResponder other = responder(SERVER, filled(0x42));
      byte[] altered = flipped(other.answer(fresh.writeFirst()), bit);
      assertThrows(NoiseException.class, () -> fresh.readSecond(altered), "bit " + bit);
    }
  }

  @Test
  void aSecondMessageOfAnotherSizeIsRefused() throws Exception {
    for (int size : new int[] {0, 1, 31, 32, 47, 48, 49, 64, 1600, 1616, 1631, 1632, 1633}) {
      if (size == messageBytes()) {
        continue;
      }
      NoiseInitiator fresh = initiator(SERVER_PUBLIC, new SecureRandom());
      NoiseResponder other = responder(SERVER, filled(0x42));
      byte[] resized = Arrays.copyOf(other.answer(fresh.writeFirst()), size);
      assertThrows(NoiseException.class, () -> fresh.readSecond(resized), "size " + size);
    }
  }

  @Test
  void anotherServerKeyIsNotTheServer() throws Exception {
    NoiseResponder impostor = responder(filled(0x43), filled(0x42));
    assertThrows(GeneralSecurityException.class, () -> impostor.answer(initiator.writeFirst()));
  }

  @Test
  void everyByteOfATransportMessageCounts() throws Exception {
    NoiseTransport transport = established();
    byte[] message = responder.encrypt(new byte[40]);
    for (int i = 0; i < message.length; i++) {
      NoiseInitiator fresh = initiator(SERVER_PUBLIC, new SecureRandom());
      NoiseResponder other = responder(SERVER, filled(0x42));
      NoiseTransport tampered = fresh.readSecond(other.answer(fresh.writeFirst()));
      byte[] altered = flipped(other.encrypt(new byte[40]), i * 8 + i % 8);
      assertThrows(NoiseException.class, () -> tampered.decrypt(altered), "byte " + i);
      // A transport that saw a forgery is closed.
      assertThrows(IllegalStateException.class, () -> tampered.encrypt(new byte[1]));
    }
    assertArrayEquals(new byte[40], transport.decrypt(message));
  }

  @Test
  void aReplayedMessageIsRefused() throws Exception {
    NoiseTransport transport = established();
    byte[] message = responder.encrypt(new byte[4]);
    transport.decrypt(message);
    assertThrows(NoiseException.class, () -> transport.decrypt(message));
  }

  @Test
  void piecesAreCutAt65519Bytes() throws Exception {
    NoiseTransport transport = established();
    for (int size : new int[] {0, 1, 65_518, 65_519, 65_520, 131_038, 131_039, 200_000}) {
      byte[] plain = new byte[size];
      new SecureRandom().nextBytes(plain);
      byte[] cipher = transport.encrypt(plain);
      int pieces = Math.max(1, (size + 65_518) / 65_519);
      assertEquals(size + 16 * pieces, cipher.length);
      assertArrayEquals(plain, responder.decrypt(cipher));
      assertArrayEquals(plain, transport.decrypt(responder.encrypt(plain)));
    }
  }

  @Test
  void pieceOrderAndTruncationAreNoticed() throws Exception {
    NoiseTransport transport = established();
    byte[] message = responder.encrypt(new byte[65_519 * 2]);
    byte[] swapped = new byte[message.length];
    System.arraycopy(message, 65_535, swapped, 0, 65_535);
    System.arraycopy(message, 0, swapped, 65_535, 65_535);
    assertThrows(NoiseException.class, () -> transport.decrypt(swapped));
  }

  @Test
  void shortOrEmptyTransportMessagesAreRefused() throws Exception {
    for (int size = 0; size < 16; size++) {
      byte[] message = new byte[size];
      NoiseInitiator fresh = initiator(SERVER_PUBLIC, new SecureRandom());
      NoiseResponder other = responder(SERVER, filled(0x42));
      NoiseTransport transport = fresh.readSecond(other.answer(fresh.writeFirst()));
      assertThrows(NoiseException.class, () -> transport.decrypt(message));
    }
  }

  @Test
  void callsOutOfOrderAreRefused() throws Exception {
    assertThrows(IllegalStateException.class, () -> initiator.readSecond(new byte[48]));
    assertThrows(IllegalStateException.class, initiator::transport);
    byte[] second = responder.answer(initiator.writeFirst());
    assertThrows(IllegalStateException.class, initiator::writeFirst);
    initiator.readSecond(second);
    assertThrows(IllegalStateException.class, () -> initiator.readSecond(second));
  }

  @Test
  void nothingWorksAfterAForgery() throws Exception {
    byte[] second = responder.answer(initiator.writeFirst());
    assertThrows(
        NoiseException.class, () -> initiator.readSecond(flipped(second, second.length * 8 - 1)));
    assertThrows(IllegalStateException.class, () -> initiator.readSecond(second));
    assertThrows(IllegalStateException.class, initiator::transport);
  }

  @Test
  void nothingWorksAfterClose() throws Exception {
    NoiseTransport transport = established();
    transport.close();
    transport.close();
    assertThrows(IllegalStateException.class, () -> transport.encrypt(new byte[1]));
    assertThrows(IllegalStateException.class, () -> transport.decrypt(new byte[17]));
    NoiseInitiator closed = initiator(SERVER_PUBLIC, new SecureRandom());
    closed.close();
    assertThrows(IllegalStateException.class, closed::writeFirst);
  }

  @Test
  void keysOfLowOrderAreRefused() throws Exception {
    byte[] one = new byte[32];
    one[0] = 1;
    for (byte[] lowOrder : new byte[][] {new byte[32], one}) {
      NoiseInitiator toNobody = initiator(lowOrder, new SecureRandom());
      assertThrows(NoiseException.class, toNobody::writeFirst);
      NoiseInitiator fresh = initiator(SERVER_PUBLIC, new SecureRandom());
      fresh.writeFirst();
      byte[] second = Arrays.copyOf(lowOrder, messageBytes());
      assertThrows(NoiseException.class, () -> fresh.readSecond(second));
    }
  }

  @Test
  void keysOfAnotherSizeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> initiator(new byte[31], new SecureRandom()));
  }

  @Test
  void theReservedNonceIsNeverUsed() throws Exception {
    CipherState cipher = new CipherState();
    cipher.initializeKey(filled(0x44));
    cipher.setNonce(-2);
    cipher.encrypt(new byte[0], new byte[1], 0, 1);
    assertThrows(IllegalStateException.class, () -> cipher.encrypt(new byte[0], new byte[1], 0, 1));
    assertThrows(
        IllegalStateException.class, () -> cipher.decrypt(new byte[0], new byte[17], 0, 17));
  }
}
