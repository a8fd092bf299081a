// SPDX-License-Identifier: Apache-2.0
//
// The examples of docs/client.md against two real groups of one, with the post-quantum handshake.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.Credentials;
import dev.svr2.client.Handshake;
import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.examples.Delete;
import dev.svr2.examples.Migrate;
import dev.svr2.examples.Restore;
import dev.svr2.examples.Store;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetStatusRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExamplesTest {
  private static final String PIN = "4821";

  @TempDir private Path folder;
  private HostFixture oldGroup;
  private HostFixture newGroup;
  private Path oldPins;
  private Path newPins;
  private String credentials;

  @BeforeEach
  void start() throws Exception {
    oldGroup = startGroup();
    newGroup = startGroup();
    oldPins = pins(oldGroup, "old.json");
    newPins = pins(newGroup, "new.json");
    Credentials made = Credentials.make(HostFixture.SECRET, HostFixture.USER, Clock.systemUTC());
    credentials = made.user() + ":" + made.password();
  }

  @AfterEach
  void stop() {
    oldGroup.close();
    newGroup.close();
  }

  private static HostFixture startGroup() throws Exception {
    HostFixture fixture =
        HostFixture.start(
            "",
            output ->
                Enclave.load(
                    Platform.LOCAL, TestPlatforms.image(Platform.LOCAL), Set.of(), output));
    var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    Awaitility.await()
        .until(() -> fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getReady());
    return fixture;
  }

  private Path pins(HostFixture group, String name) throws Exception {
    Pins pins =
        PinBlock.fromHandshakeStart(
            group
                .control()
                .getEvidence(GetEvidenceRequest.getDefaultInstance())
                .getHandshakeStart()
                .toByteArray(),
            true);
    assertEquals(Handshake.NKHFS, pins.handshake());
    return Files.writeString(folder.resolve(name), pins.toJson());
  }

  private static String target(HostFixture group) {
    return group.host.clientAddress().toString();
  }

  private byte[] random(String name) throws Exception {
    byte[] bytes = new byte[32];
    new SecureRandom().nextBytes(bytes);
    Files.write(folder.resolve(name), bytes);
    return bytes;
  }

  @Test
  void storeRestoreMigrateDelete() throws Exception {
    random("master-key");
    assertEquals(
        "Stored",
        Store.store(target(oldGroup), oldPins, credentials, PIN, folder.resolve("master-key"))
            .toString());
    assertEquals(
        "wrong PIN, 9 left", Restore.restore(target(oldGroup), oldPins, credentials, "0000"));
    // The first of the two addresses does not answer.
    assertEquals(
        "restored 32 bytes",
        Restore.restore("127.0.0.1:1," + target(oldGroup), oldPins, credentials, PIN));

    byte[] stateKey = random("state-key");
    Path state = folder.resolve("state");
    for (int i = 0; i < 2; i++) {
      assertEquals(
          "Migrated",
          Migrate.migrate(
                  target(oldGroup),
                  oldPins,
                  target(newGroup),
                  newPins,
                  credentials,
                  PIN,
                  state,
                  stateKey)
              .toString());
      assertTrue(Files.exists(state));
    }
    assertEquals(
        "nothing there: GONE_OR_NEVER_STORED",
        Restore.restore(target(oldGroup), oldPins, credentials, PIN));
    assertEquals("restored 32 bytes", Restore.restore(target(newGroup), newPins, credentials, PIN));
    // The old pins refuse the new group; no guess is spent.
    assertTrue(
        Restore.restore(target(newGroup), oldPins, credentials, PIN)
            .startsWith("no guess is spent: "));

    assertEquals("Deleted", Delete.delete(target(newGroup), newPins, credentials).join() + "");
    assertEquals(
        "nothing there: GONE_OR_NEVER_STORED",
        Restore.restore(target(newGroup), newPins, credentials, PIN));
  }
}
