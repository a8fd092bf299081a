// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.auth.AuthSecrets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  @TempDir private Path parent;

  @Test
  void aFolderInUseIsRefusedAndLeftAsItIs() throws Exception {
    Path directory = parent.resolve("run");
    try (RunFolder folder = RunFolder.open(directory)) {
      Files.writeString(folder.pins(), "{}");
      IOException refusal = assertThrows(IOException.class, () -> RunFolder.open(directory));
      assertTrue(refusal.getMessage().contains("another group runs in"), refusal.getMessage());
      assertTrue(Files.exists(folder.pins()));
    }
  }

  @Test
  void whatAnEarlierGroupLeftIsGone() throws Exception {
    try (RunFolder folder = RunFolder.open(parent)) {
      Files.writeString(folder.pins(), "{}");
      Files.writeString(folder.log(7), "old");
    }
    try (RunFolder folder = RunFolder.open(parent)) {
      assertFalse(Files.exists(folder.pins()), "they would pin another group");
      assertFalse(Files.exists(folder.log(7)));
    }
  }

  @Test
  void theSecretIsFreshAndItsOwnersAlone() throws Exception {
    try (RunFolder folder = RunFolder.open(parent)) {
      folder.writeSecret(null);
      String first = AuthSecrets.readText(folder.secret());
      assertFalse(AuthSecrets.parse(first).isWeak());
      assertEquals(
          "rw-------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.secret())));
      folder.writeSecret(" ");
      assertNotEquals(first, AuthSecrets.readText(folder.secret()));
      folder.writeSecret("c2VjcmV0");
      assertEquals("c2VjcmV0", AuthSecrets.readText(folder.secret()));
    }
  }
}
