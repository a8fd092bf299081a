// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.svr2.proto.EnclaveConfig;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostToEnclaveMessage;
import dev.svr2.proto.RaftGroupConfig;
import dev.svr2.proto.Tick;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The suite against the real core. A platform's cases run when {@code -Dsvr2.platforms} (a list
 * with commas, default {@code local}) names it; then a missing image is a failure and no skip.
 */
public abstract class CoreConformance extends EnclaveConformance {
  /** Where the signed images are. */
  protected static Path testImage(String name) {
    return Path.of(System.getProperty("svr2.images", "../build"), name);
  }

  @Override
  @BeforeEach
  void load() throws EnclaveException {
    List<String> platforms =
        Arrays.asList(System.getProperty("svr2.platforms", "local").split(",", -1));
    assumeTrue(
        platforms.contains(platform().configName()),
        () -> platform() + " is not in -Dsvr2.platforms=" + platforms);
    if (!Files.exists(image())) {
      throw new AssertionError(image() + " is missing; `make -C jni images` makes it");
    }
    super.load();
  }

  @Override
  @AfterEach
  void close() {
    if (enclave != null) {
      super.close();
    }
  }

  @Override
  protected byte[] goodConfig() {
    return EnclaveConfig.newBuilder()
        .setGroup(
            RaftGroupConfig.newBuilder()
                .setMinVotingReplicas(1)
                .setMaxVotingReplicas(1)
                .setAttestationTimeout(604_800)
                .setSimulated(!platform().isProtected()))
        .build()
        .toByteArray();
  }

  @Override
  protected byte[] goodMessage() {
    return HostToEnclaveMessage.newBuilder()
        .addItems(
            HostItem.newBuilder().setTick(Tick.newBuilder().setUnixTimeMs(1_800_000_000_000L)))
        .build()
        .toByteArray();
  }

  @Test
  void eachReplicaHasAnIdOfItsOwn() throws Exception {
    byte[] id = enclave.init(goodConfig());
    try (Enclave other = loadAnother(output -> {})) {
      assertFalse(Arrays.equals(id, other.init(goodConfig())), () -> HexFormat.of().formatHex(id));
    }
  }
}
