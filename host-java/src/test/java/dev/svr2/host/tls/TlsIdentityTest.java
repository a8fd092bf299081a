// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.config.TlsFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlsIdentityTest {
  @TempDir static Path folder;
  private static TestAuthority authority;
  private static TlsFiles first;
  private static TlsFiles second;

  private TlsFiles files;
  private Instant now = Instant.now();
  private final InstantSource clock = () -> now;

  @BeforeAll
  static void issue() throws Exception {
    authority = new TestAuthority(folder, "authority");
    first = authority.issue("first", 30);
    second = authority.issue("second", 60);
  }

  @BeforeEach
  void copies() throws IOException {
    Path chain = folder.resolve("used.pem");
    Path key = folder.resolve("used.key");
    files = new TlsFiles(chain, key, Optional.empty());
    copy(first);
  }

  private void copy(TlsFiles from) throws IOException {
    Files.copy(from.certificates(), files.certificates(), StandardCopyOption.REPLACE_EXISTING);
    Files.copy(from.key(), files.key(), StandardCopyOption.REPLACE_EXISTING);
  }

  private TlsIdentity load() throws IOException {
    return TlsIdentity.load("client", files, clock);
  }

  private String refusal() {
    String text = assertThrows(IOException.class, this::load).getMessage();
    assertTrue(text.startsWith("client.tls: " + folder), text);
    return text;
  }

  @Test
  void aRenewalIsUsedWithoutARestart() throws Exception {
    TlsIdentity identity = load();
    Instant before = identity.notAfter();
    identity.reload();
    assertEquals(before, identity.notAfter());
    copy(second);
    identity.reload();
    assertTrue(identity.notAfter().isAfter(before.plus(Duration.ofDays(29))));
    assertEquals(0, identity.failures());
  }

  @Test
  void halfOfARenewalLeavesWhatWasThere() throws Exception {
    TlsIdentity identity = load();
    Instant before = identity.notAfter();
    Files.copy(second.certificates(), files.certificates(), StandardCopyOption.REPLACE_EXISTING);
    identity.reload();
    assertEquals(before, identity.notAfter());
    assertEquals(1, identity.failures());
    Files.copy(second.key(), files.key(), StandardCopyOption.REPLACE_EXISTING);
    identity.reload();
    assertTrue(identity.notAfter().isAfter(before));
    assertEquals(1, identity.failures());
    Files.delete(files.key());
    identity.reload();
    assertEquals(2, identity.failures());
    assertTrue(identity.notAfter().isAfter(before));
  }

  @Test
  void whatHasExpiredIsRefusedAndKeptOnlyWhileItIsInUse() throws Exception {
    TlsIdentity identity = load();
    now = now.plus(Duration.ofDays(31));
    assertTrue(refusal().contains("a certificate has expired, on "), this::refusal);
    identity.reload();
    assertTrue(identity.secondsLeft() < 0);
    now = Instant.now().minus(Duration.ofDays(1));
    assertTrue(refusal().contains("is the clock right?"), this::refusal);
  }

  @Test
  void whatCannotBeUsedIsNamed() throws Exception {
    Files.copy(second.key(), files.key(), StandardCopyOption.REPLACE_EXISTING);
    assertTrue(refusal().contains("not the key of the first certificate in"), this::refusal);
    Files.writeString(
        files.key(), "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    assertTrue(refusal().contains("damaged"), this::refusal);
    assertFalse(refusal().contains("c2VjcmV0"), this::refusal);
    Files.writeString(files.key(), "-----BEGIN EC PRIVATE KEY-----\n");
    assertTrue(refusal().contains("openssl pkcs8"), this::refusal);
    Files.delete(files.key());
    assertTrue(refusal().contains("there is no such file"), this::refusal);
    copy(first);
    Files.writeString(files.certificates(), "nothing");
    assertTrue(refusal().contains("not certificates in PEM form"), this::refusal);
  }
}
