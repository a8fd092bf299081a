// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.svr2.enclave.internal.Bridge;
import dev.svr2.proto.Error;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What loading and inspecting accept and refuse, and what they say about it. */
final class EnclaveLoadTest {
  @TempDir Path folder;

  @Test
  void inspectDescribesTheImage() throws Exception {
    SignedImage image = SignedImage.inspect(EchoEnclave.IMAGE);
    assertEquals(Platform.LOCAL, image.platform());
    assertEquals(32, image.measurement().length);
    assertEquals(32, image.signerFingerprint().length);
    assertEquals(
        Set.of("Debug", "NumHeapPages", "NumStackPages", "NumTCS", "ProductID", "SecurityVersion"),
        image.properties().keySet());
    assertEquals(4, image.properties().get("NumTCS"));
  }

  @Test
  void aMissingFileIsNamed() {
    Path missing = folder.resolve("no such image ä");
    for (EnclaveException e :
        List.of(
            assertThrows(EnclaveException.class, () -> load(Platform.LOCAL, missing)),
            assertThrows(EnclaveException.class, () -> SignedImage.inspect(missing)))) {
      assertEquals(Error.ERROR_BRIDGE_IMAGE_UNREADABLE, e.error());
      assertTrue(e.getMessage().contains(missing.toString()), e.getMessage());
      assertTrue(e.getMessage().contains("No such file"), e.getMessage());
    }
  }

  @Test
  void anAlteredImageIsRefused() throws Exception {
    byte[] bytes = Files.readAllBytes(EchoEnclave.IMAGE);
    bytes[bytes.length / 2] ^= 1;
    Path altered = Files.write(folder.resolve("altered"), bytes);
    EnclaveException e = assertThrows(EnclaveException.class, () -> load(Platform.LOCAL, altered));
    assertEquals(Error.ERROR_BRIDGE_IMAGE_SIGNATURE, e.error());
    assertTrue(e.getMessage().contains(altered.toString()), e.getMessage());
  }

  @Test
  void aTextFileIsNoImage() throws Exception {
    Path text = Files.writeString(folder.resolve("text"), "hello", StandardCharsets.UTF_8);
    EnclaveException e = assertThrows(EnclaveException.class, () -> SignedImage.inspect(text));
    assertEquals(Error.ERROR_BRIDGE_IMAGE_MALFORMED, e.error());
  }

  @Test
  void platformsThatWereNotBuiltInAreNamed() {
    for (Platform platform : List.of(Platform.OE_SIMULATION, Platform.SGX)) {
      assumeTrue(
          (Bridge.svr2_bridge_platforms() & 1 << platform.nativeNumber()) == 0,
          "built with an Open Enclave SDK");
      EnclaveException e =
          assertThrows(EnclaveException.class, () -> load(platform, EchoEnclave.IMAGE));
      assertEquals(Error.ERROR_BRIDGE_UNKNOWN_PLATFORM, e.error());
      assertTrue(e.getMessage().contains(platform.configName()), e.getMessage());
      assertTrue(e.getMessage().contains("no Open Enclave SDK"), e.getMessage());
    }
  }

  @Test
  void failedLoadsLeaveNothingBehind() {
    int before = Enclave.live();
    for (int i = 0; i < 20; i++) {
      assertThrows(EnclaveException.class, () -> load(Platform.LOCAL, folder.resolve("missing")));
    }
    assertEquals(before, Enclave.live());
  }

  /** The header's numbers are those of error.proto, by name. */
  @Test
  void errorNumbersAgreeWithTheProto() throws Exception {
    int compared = 0;
    for (Field field : Bridge.class.getFields()) {
      String name = "ERROR_" + field.getName().replaceFirst("^SVR2_", "");
      if (!name.startsWith("ERROR_BRIDGE_")) {
        continue;
      }
      assertEquals(Error.valueOf(name).getNumber(), field.getInt(null), name);
      compared++;
    }
    long inProto =
        java.util.Arrays.stream(Error.values())
            .filter(error -> error.name().startsWith("ERROR_BRIDGE_"))
            .count();
    assertEquals(inProto, compared);
  }

  @Test
  void platformNumbersAndFlagsAgreeWithTheHeader() {
    assertEquals(
        Map.of(
            Platform.LOCAL, Bridge.SVR2_PLATFORM_LOCAL,
            Platform.OE_SIMULATION, Bridge.SVR2_PLATFORM_OE_SIMULATION,
            Platform.SGX, Bridge.SVR2_PLATFORM_SGX),
        Map.of(
            Platform.LOCAL, Platform.LOCAL.nativeNumber(),
            Platform.OE_SIMULATION, Platform.OE_SIMULATION.nativeNumber(),
            Platform.SGX, Platform.SGX.nativeNumber()));
    assertEquals(Bridge.SVR2_CREATE_DEBUG, LoadFlag.DEBUG.nativeBit());
  }

  @Test
  void platformNames() {
    for (Platform platform : Platform.values()) {
      assertEquals(platform, Platform.parse(platform.configName()));
    }
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Platform.parse("SGX"));
    assertTrue(e.getMessage().contains("local, oe-simulation, sgx"), e.getMessage());
    assertFalse(Platform.LOCAL.isProtected());
    assertFalse(Platform.OE_SIMULATION.isProtected());
    assertTrue(Platform.SGX.isProtected());
  }

  private static void load(Platform platform, Path image) throws EnclaveException {
    Enclave.load(platform, image, Set.of(), message -> {}).close();
  }
}
