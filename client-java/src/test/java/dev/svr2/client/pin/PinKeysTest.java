// SPDX-License-Identifier: Apache-2.0
//
// PIN hashing and wrapping (protocol.md §7) against published vectors and other implementations.
package dev.svr2.client.pin;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.svr2.client.internal.Hex;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.junit.jupiter.api.Test;

class PinKeysTest {
  private static final String USER = "000102030405060708090a0b0c0d0e0f";
  private static final long GROUP = 0x0123456789abcdefL;
  private static final PinKeys KEYS = PinKeys.of(filled(1), filled(2));

  private static byte[] filled(int value) {
    byte[] out = new byte[32];
    Arrays.fill(out, (byte) value);
    return out;
  }

  /** The last 32 bytes are access(); the first 32 show in what they wrap. */
  private static void check(String expected, String pin, long group) {
    byte[] both = Hex.decode(expected);
    try (Pin typed = Pin.of(pin.toCharArray());
        PinKeys keys = PinKeys.derive(typed, USER, group);
        PinKeys wanted = PinKeys.of(Arrays.copyOf(both, 32), Arrays.copyOfRange(both, 32, 64))) {
      assertArrayEquals(wanted.accessKey(), keys.accessKey());
      assertArrayEquals(wanted.wrap(filled(9)), keys.wrap(filled(9)));
    }
  }

  // Made with: S=$(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:$USER
  // -kdfopt hexsalt:$GROUP -binary HKDF) and printf 1234 | argon2 "$S" -id -v 13 -t 32 -k 16384
  // -p 1 -l 64 -r (Debian's argon2, the reference implementation).
  @Test
  void theReferenceImplementationHashesTheSame() {
    check(
        "89721da70fc06b6adb7ff2dce2e28eecbd0c46af586ea152332615fc9aa8a7ae"
            + "e3b08e095271435db4a81f60f57db5a06d74b5b94b7a0e2191782baee657ee41",
        "1234",
        GROUP);
    check(
        "e9538edb23d6c86c9f40a07875ae5eb833632a558a3e56880bc5c4967e185968"
            + "ab3581ba99c4589dbe16939b458c3e1e377ad259f1e28dee57fe6c9063a09125",
        " ١٢٣٤ ",
        0xffL);
  }

  /** The same against the tool itself, with a PIN that is new each day. Skipped without it. */
  @Test
  void theReferenceImplementationHashesTodaysPinTheSame() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/argon2")), "no /usr/bin/argon2");
    String pin = "pin " + System.currentTimeMillis() / 86_400_000;
    byte[] salt =
        PinKeys.hkdf(
            USER.getBytes(StandardCharsets.UTF_8),
            ByteBuffer.allocate(8).putLong(GROUP).array(),
            new byte[0],
            32);
    check(argon2(pin, salt), pin, GROUP);
  }

  private static String argon2(String pin, byte[] salt) throws IOException, InterruptedException {
    StringBuilder octal = new StringBuilder();
    for (byte b : salt) {
      octal.append(String.format("\\%03o", b & 0xff));
    }
    Process process =
        new ProcessBuilder(
                "/bin/sh",
                "-c",
                "argon2 \"$(printf '" + octal + "')\" -id -v 13 -t 32 -k 16384 -p 1 -l 64 -r")
            .start();
    process.getOutputStream().write(pin.getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    assertEquals(0, process.waitFor());
    return out.strip();
  }

  // RFC 9106 §5.3.
  @Test
  void argon2idOfRfc9106() {
    Argon2BytesGenerator argon2 = new Argon2BytesGenerator();
    byte[] salt = new byte[16];
    Arrays.fill(salt, (byte) 2);
    byte[] secret = new byte[8];
    Arrays.fill(secret, (byte) 3);
    byte[] additional = new byte[12];
    Arrays.fill(additional, (byte) 4);
    argon2.init(
        new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
            .withVersion(Argon2Parameters.ARGON2_VERSION_13)
            .withMemoryAsKB(32)
            .withIterations(3)
            .withParallelism(4)
            .withSalt(salt)
            .withSecret(secret)
            .withAdditional(additional)
            .build());
    byte[] tag = new byte[32];
    argon2.generateBytes(filled(1), tag);
    assertEquals(
        "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659", Hex.encode(tag));
  }

  // The reference implementation's own tests (github.com/P-H-C/phc-winner-argon2, src/test.c),
  // those
  // of Argon2id, version 0x13.
  @Test
  void argon2idOfTheReferenceImplementation() {
    checkReference(
        2,
        16,
        1,
        "password",
        "somesalt",
        "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    checkReference(
        2,
        8,
        1,
        "password",
        "somesalt",
        "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
    checkReference(
        2,
        8,
        2,
        "password",
        "somesalt",
        "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037");
    checkReference(
        1,
        16,
        1,
        "password",
        "somesalt",
        "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98");
    checkReference(
        4,
        16,
        1,
        "password",
        "somesalt",
        "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c");
    checkReference(
        2,
        16,
        1,
        "differentpassword",
        "somesalt",
        "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde");
    checkReference(
        2,
        16,
        1,
        "password",
        "diffsalt",
        "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c");
  }

  private static void checkReference(
      int passes, int memoryLog2, int lanes, String password, String salt, String expected) {
    Argon2BytesGenerator argon2 = new Argon2BytesGenerator();
    argon2.init(
        new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
            .withVersion(Argon2Parameters.ARGON2_VERSION_13)
            .withMemoryAsKB(1 << memoryLog2)
            .withIterations(passes)
            .withParallelism(lanes)
            .withSalt(salt.getBytes(StandardCharsets.US_ASCII))
            .build());
    byte[] tag = new byte[32];
    argon2.generateBytes(password.getBytes(StandardCharsets.US_ASCII), tag);
    assertEquals(expected, Hex.encode(tag));
  }

  // RFC 5869, A.1 to A.3.
  @Test
  void hkdfOfRfc5869() {
    byte[] ikm = new byte[22];
    Arrays.fill(ikm, (byte) 0x0b);
    assertEquals(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        Hex.encode(
            PinKeys.hkdf(
                ikm,
                Hex.decode("000102030405060708090a0b0c"),
                Hex.decode("f0f1f2f3f4f5f6f7f8f9"),
                42)));
    assertEquals(
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            + "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            + "cc30c58179ec3e87c14c01d5c1f3434f1d87",
        Hex.encode(PinKeys.hkdf(range(0x00, 0x50), range(0x60, 0xb0), range(0xb0, 0x100), 82)));
    assertEquals(
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        Hex.encode(PinKeys.hkdf(ikm, new byte[0], new byte[0], 42)));
  }

  private static byte[] range(int from, int to) {
    byte[] out = new byte[to - from];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) (from + i);
    }
    return out;
  }

  // Made with openssl dgst -sha256 -mac HMAC, step by step as §7 says.
  @Test
  void wrappedAsOpensslDoes() {
    assertEquals(
        "7cc2d436c528b38533171ac6479f340b"
            + "69ca04d2de8ab63290941d1c6f89dc31466f5205cde5382248063e824e0a8327",
        Hex.encode(KEYS.wrap(range(0, 32))));
  }

  @Test
  void unwrapsWhatItWrapped() {
    byte[] masterKey = range(100, 132);
    assertArrayEquals(masterKey, KEYS.unwrap(KEYS.wrap(masterKey)));
  }

  @Test
  void everyBitOfTheWrappedKeyCounts() {
    byte[] wrapped = KEYS.wrap(range(100, 132));
    for (int bit = 0; bit < wrapped.length * 8; bit++) {
      byte[] altered = wrapped.clone();
      altered[bit / 8] ^= (byte) (1 << (bit % 8));
      assertNull(KEYS.unwrap(altered), "bit " + bit);
    }
  }

  @Test
  void otherKeysAndSizesDoNotUnwrap() {
    byte[] wrapped = KEYS.wrap(range(100, 132));
    assertNull(PinKeys.of(filled(3), filled(2)).unwrap(wrapped));
    assertNull(KEYS.unwrap(Arrays.copyOf(wrapped, 47)));
    assertNull(KEYS.unwrap(Arrays.copyOf(wrapped, 49)));
    assertNull(KEYS.unwrap(new byte[0]));
  }

  @Test
  void misuse() {
    assertThrows(IllegalArgumentException.class, () -> KEYS.wrap(new byte[31]));
    assertThrows(IllegalArgumentException.class, () -> PinKeys.of(new byte[31], new byte[32]));
    assertThrows(IllegalArgumentException.class, () -> PinKeys.of(new byte[32], new byte[33]));
    PinKeys closed = PinKeys.of(filled(1), filled(2));
    closed.close();
    closed.close();
    assertThrows(IllegalStateException.class, closed::accessKey);
    assertThrows(IllegalStateException.class, () -> closed.wrap(new byte[32]));
    assertThrows(IllegalStateException.class, () -> closed.unwrap(new byte[48]));
    assertFalse(KEYS.toString().contains("01"));
  }
}
