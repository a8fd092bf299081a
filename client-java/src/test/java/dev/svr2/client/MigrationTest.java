// SPDX-License-Identifier: Apache-2.0
//
// Moving a secret to a new group, interrupted at every step: the old group loses it only once the
// new one has it, and only a wrong PIN costs a guess.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.internal.Hex;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.EvidenceBuilder;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.proto.Request;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MigrationTest {
  private static final byte[] MASTER_KEY = ClientFixture.filled(0x6d, 32);

  private final ClientFixture oldGroup = new ClientFixture();
  private final ClientFixture newGroup = new ClientFixture();
  private static final long NEW_GROUP = 99;
  private static final Pin PIN = Pin.of("1234".toCharArray());

  // Hashing takes its time, so each is done once.
  private static final PinKeys OLD_KEYS =
      PinKeys.derive(PIN, ClientFixture.USER, EvidenceBuilder.GROUP.getGroupId());
  private static final PinKeys NEW_KEYS = PinKeys.derive(PIN, ClientFixture.USER, NEW_GROUP);

  private final List<byte[]> saved = new ArrayList<>();
  private final StateSaver saver = state -> saved.add(state.clone());
  private Svr2Client from;
  private Svr2Client to;

  @BeforeEach
  void store() {
    newGroup.server.evidence.group(EvidenceBuilder.GROUP.toBuilder().setGroupId(NEW_GROUP));
    from = oldGroup.client();
    to = newGroup.client();
    assertEquals("Stored", Describe.of(from.backup(OLD_KEYS, MASTER_KEY, 5)));
    oldGroup.server.requests.clear();
  }

  @AfterEach
  void close() {
    oldGroup.close();
    newGroup.close();
  }

  private static String requests(FakeServer server) {
    return server.requests.stream()
        .map(Request::getInnerCase)
        .map(Enum::name)
        .collect(Collectors.joining(" "));
  }

  private static FakeServer.Step dies(String applied) {
    return item -> {
      throw FakeServer.failure(applied == null ? Code.INTERNAL : Code.UNAVAILABLE, applied);
    };
  }

  private static String word(MigrationResult result) {
    return result.match(
        new MigrationResult.Cases<String>() {
          @Override
          public String migrated(MigrationResult.Migrated r) {
            return "Migrated";
          }

          @Override
          public String notRestored(MigrationResult.NotRestored r) {
            return "NotRestored " + Describe.of(r.result());
          }

          @Override
          public String notStored(MigrationResult.NotStored r) {
            return "NotStored " + Describe.of(r.result());
          }

          @Override
          public String notDeleted(MigrationResult.NotDeleted r) {
            return "NotDeleted " + Describe.of(r.failure());
          }
        });
  }

  /** As if the secret had been restored. */
  private Migration moving() {
    return Migration.moving(
        from,
        to,
        PendingBackup.prepare(ClientFixture.USER, NEW_GROUP, NEW_KEYS, MASTER_KEY, true, 7));
  }

  private void assertMoved() {
    assertNull(oldGroup.server.data);
    RestoreResult.Restored restored = (RestoreResult.Restored) to.restore(NEW_KEYS);
    assertArrayEquals(MASTER_KEY, restored.data());
    assertEquals(7, restored.tries());
  }

  @Test
  void restoredStoredExposedAndOnlyThenDeleted() {
    oldGroup.server.onRequest =
        item -> {
          if (FakeServer.request(item).hasDelete()) {
            assertTrue(newGroup.server.exposed);
          }
          return item;
        };
    try (Migration migration = Migration.start(from, to, 7)) {
      assertEquals("Migrated", word(migration.run(PIN, saver)));
      assertEquals("Migrated", word(migration.run(null, saver)));
    }
    assertEquals("RESTORE DELETE", requests(oldGroup.server));
    assertEquals("BACKUP EXPOSE", requests(newGroup.server));
    assertMoved();
  }

  @Test
  void resumedFromEverySavedState() throws Exception {
    moving().run(null, saver);
    // MOVING/STORING, MOVING/EXPOSING, MOVING/EXPOSED, DELETING, DONE.
    assertEquals(5, saved.size());
    String[] atNew = {"BACKUP EXPOSE", "EXPOSE", "", "", ""};
    String[] atOld = {"DELETE", "DELETE", "DELETE", "DELETE", ""};
    for (int i = 0; i < saved.size(); i++) {
      oldGroup.server.requests.clear();
      newGroup.server.requests.clear();
      try (Migration migration = Migration.fromBytes(from, to, saved.get(i))) {
        assertEquals("Migrated", word(migration.run(null, StateSaver.NONE)));
        assertEquals(Migration.Phase.DONE, migration.phase());
      }
      assertEquals(atNew[i], requests(newGroup.server));
      assertEquals(atOld[i], requests(oldGroup.server));
      assertMoved();
    }
  }

  @Test
  void aGivenSecretIsNotAskedFor() throws Exception {
    Migration migration = Migration.start(from, to, PIN, MASTER_KEY, 7);
    byte[] state = migration.toBytes();
    migration.close();
    try (Migration again = Migration.fromBytes(from, to, state)) {
      assertEquals("Migrated", word(again.runAsync(null, saver).join()));
    }
    assertEquals("DELETE", requests(oldGroup.server));
    assertMoved();
  }

  @Test
  void rawSecretsStayAsTheyAre() {
    from.backupRaw(OLD_KEYS, ClientFixture.filled(3, 16), 5);
    assertEquals("Migrated", word(Migration.startRaw(from, to, 7).run(PIN, saver)));
    assertArrayEquals(ClientFixture.filled(3, 16), newGroup.server.data);
  }

  @Test
  void aWrongPinCostsOneGuessAndNothingElse() {
    Pin wrong = Pin.of("4321".toCharArray());
    Migration migration = Migration.start(from, to, 7);
    assertEquals("NotRestored WrongPin(4)", word(migration.run(wrong, saver)));
    assertEquals(Migration.Phase.RESTORING, migration.phase());
    assertEquals(0, newGroup.server.sessions.get());
    assertEquals("Migrated", word(migration.run(PIN, saver)));
  }

  @Test
  void aRestoreWithoutAnswerIsNotRepeated() {
    oldGroup.server.onAnswer = dies(null);
    Migration migration = Migration.start(from, to, 7);
    assertEquals("NotRestored Unknown", word(migration.run(PIN, saver)));
    assertEquals("RESTORE", requests(oldGroup.server));
    assertEquals(0, newGroup.server.sessions.get());
  }

  @Test
  void theOldCopyStaysWhenTheNewGroupFails() {
    Migration migration = moving();
    newGroup.server.onRequest = dies("no");
    assertEquals("NotStored NotApplied", word(migration.run(null, saver)));
    newGroup.server.onRequest =
        item -> {
          if (FakeServer.request(item).hasExpose()) {
            throw FakeServer.failure(Code.INTERNAL, null);
          }
          return item;
        };
    assertEquals("NotStored ExposeUnknown(Unknown)", word(migration.run(null, saver)));
    assertNotNull(oldGroup.server.data);
    newGroup.server.onRequest = item -> item;
    newGroup.server.requests.clear();
    assertEquals("Migrated", word(migration.run(null, saver)));
    assertEquals("EXPOSE", requests(newGroup.server));
  }

  @Test
  void replacedAtTheNewGroupEndsItAndTheOldCopyStays() {
    newGroup.server.onAnswer =
        item -> {
          newGroup.server.data = ClientFixture.filled(0x55, 48);
          return item;
        };
    Migration migration = moving();
    assertEquals("NotStored ExposeRefused", word(migration.run(null, saver)));
    assertEquals("NotStored ExposeRefused", word(migration.run(null, saver)));
    assertNotNull(oldGroup.server.data);
    assertEquals("", requests(oldGroup.server));
  }

  @Test
  void theDeleteIsRepeatedWhenRunAgain() throws Exception {
    oldGroup.server.onRequest =
        item -> {
          if (FakeServer.request(item).hasDelete()) {
            throw FakeServer.failure(Code.INTERNAL, null);
          }
          return item;
        };
    assertEquals("NotDeleted Unknown", word(moving().run(null, saver)));
    oldGroup.server.onRequest = item -> item;
    byte[] last = saved.get(saved.size() - 1);
    try (Migration migration = Migration.fromBytes(from, to, last)) {
      assertEquals(Migration.Phase.DELETING, migration.phase());
      assertEquals("Migrated", word(migration.run(null, saver)));
    }
    assertMoved();
  }

  @Test
  void whatCannotBeSavedIsNotSent() {
    StateSaver broken =
        state -> {
          throw new IOException("disk full");
        };
    Migration migration = moving();
    assertEquals("NotStored NotSaved", word(migration.run(null, broken)));
    assertEquals("", requests(newGroup.server));
    StateSaver breaks =
        state -> {
          if (state[6] == 3) {
            throw new IOException("disk full");
          }
        };
    assertEquals("NotDeleted NotSaved", word(migration.run(null, breaks)));
    assertNotNull(oldGroup.server.data);
    assertEquals("Migrated", word(migration.run(null, saver)));
  }

  @Test
  void savedStateHoldsNoMoreThanItMust() {
    String start = Hex.encode(Migration.start(from, to, 7).toBytes());
    moving().run(null, saver);
    String key = Hex.encode(MASTER_KEY);
    String wrapped = Hex.encode(newGroup.server.data);
    assertFalse(start.contains(wrapped));
    for (int i = 0; i < saved.size(); i++) {
      String state = Hex.encode(saved.get(i));
      assertFalse(state.contains(key));
      assertEquals(i < 2, state.contains(wrapped), "state " + i);
    }
  }

  @Test
  void clientsThatDoNotFitAreRefused() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> Migration.start(from, from, 7));
    assertThrows(IllegalArgumentException.class, () -> Migration.start(from, to, 0));
    Svr2Client unpinned = newGroup.builder().pins(null).build();
    assertThrows(IllegalStateException.class, () -> Migration.start(from, unpinned, 7));
    Migration migration = Migration.start(from, to, 7);
    assertThrows(IllegalArgumentException.class, () -> migration.run(null, saver));
    byte[] state = migration.toBytes();
    assertThrows(IllegalArgumentException.class, () -> Migration.fromBytes(to, from, state));
    Svr2Client other =
        newGroup.builder().credentials(Credentials.of("f".repeat(32), "1:aa")).build();
    assertThrows(IllegalArgumentException.class, () -> Migration.fromBytes(from, other, state));
    // Another user's row in the same group is another row.
    Migration.fromBytes(from, to, state).close();
    Migration.start(to, other, 7).close();
  }

  @Test
  void everyCutAndEveryFlippedBitIsRefused() {
    byte[] state = moving().toBytes();
    for (int length = 0; length < state.length; length++) {
      byte[] cut = Arrays.copyOf(state, length);
      assertThrows(StateException.class, () -> Migration.fromBytes(from, to, cut));
    }
    for (int bit = 0; bit < state.length * 8; bit++) {
      byte[] altered = state.clone();
      altered[bit / 8] ^= (byte) (1 << (bit % 8));
      assertThrows(StateException.class, () -> Migration.fromBytes(from, to, altered));
    }
  }
}
