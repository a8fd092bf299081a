// SPDX-License-Identifier: Apache-2.0
//
// A backup stopped after each step and resumed from its bytes (protocol.md §2, expose): whatever
// was
// saved last, no backup follows an expose.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.internal.Hex;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.proto.Request;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PendingBackupTest {
  private static final byte[] KEY = ClientFixture.filled(0x4b, 32);

  private final ClientFixture fixture = new ClientFixture();
  private final FakeServer server = fixture.server;
  private final Svr2Client client = fixture.client();
  private final List<byte[]> saved = new ArrayList<>();
  private final StateSaver saver = state -> saved.add(state.clone());

  @AfterEach
  void close() {
    fixture.close();
  }

  private PendingBackup prepared() {
    return PendingBackup.prepare(
        ClientFixture.USER,
        fixture.pins().group().groupId(),
        ClientFixture.RIGHT,
        ClientFixture.DATA,
        false,
        3);
  }

  private String requests() {
    return server.requests.stream()
        .map(Request::getInnerCase)
        .map(Enum::name)
        .collect(Collectors.joining(" "));
  }

  private static PendingBackup.Phase phase(byte[] state) {
    try {
      return PendingBackup.fromBytes(state).phase();
    } catch (StateException e) {
      throw new AssertionError(e);
    }
  }

  private List<PendingBackup.Phase> phases() {
    return saved.stream().map(PendingBackupTest::phase).collect(Collectors.toList());
  }

  @Test
  void eachPhaseIsSavedBeforeItsRequest() {
    List<String> order = new ArrayList<>();
    server.onRequest =
        item -> {
          order.add("request");
          return item;
        };
    String result =
        Describe.of(client.resume(prepared(), state -> order.add("saved " + phase(state.clone()))));
    assertEquals("Stored", result);
    assertEquals(
        List.of("saved STORING", "request", "saved EXPOSING", "request", "saved EXPOSED"), order);
  }

  @Test
  void fromTheMasterKeyToTheRestoredOneInOneStepAtATime() throws Exception {
    byte[] state;
    try (Pin pin = Pin.of("1234".toCharArray());
        PendingBackup pending = client.prepare(pin, ClientFixture.DATA, 7)) {
      assertEquals(PendingBackup.Phase.PREPARED, pending.phase());
      state = pending.toBytes();
    }
    try (PendingBackup pending = PendingBackup.fromBytes(state)) {
      assertThrows(IllegalStateException.class, () -> client.expose(pending, saver));
      assertEquals("Stored", client.store(pending, saver).toString());
      assertEquals("Stored", client.store(pending, saver).toString());
    }
    assertEquals(List.of(PendingBackup.Phase.STORING, PendingBackup.Phase.STORED), phases());
    assertEquals("BACKUP", requests());
    try (PendingBackup pending = PendingBackup.fromBytes(saved.get(1))) {
      assertEquals("Stored", Describe.of(client.expose(pending, saver)));
      assertEquals("Stored", Describe.of(client.expose(pending, saver)));
      assertTrue(pending.isOver());
    }
    assertEquals("BACKUP EXPOSE", requests());
    assertEquals(PendingBackup.Phase.EXPOSED, phase(saved.get(3)));
    try (Pin pin = Pin.of("1234".toCharArray())) {
      RestoreResult.Restored restored = (RestoreResult.Restored) client.restore(pin);
      assertArrayEquals(ClientFixture.DATA, restored.data());
      assertEquals(7, restored.tries());
    }
  }

  /**
   * The process dies after any of the saved states: what follows is never a backup after an expose.
   */
  @Test
  void resumedFromEverySavedState() throws Exception {
    client.resume(prepared(), saver);
    assertEquals(3, saved.size());
    String[] follows = {"BACKUP EXPOSE", "EXPOSE", ""};
    for (int i = 0; i < 3; i++) {
      server.requests.clear();
      try (PendingBackup pending = PendingBackup.fromBytes(saved.get(i))) {
        assertEquals("Stored", Describe.of(client.resume(pending, StateSaver.NONE)));
      }
      assertEquals(follows[i], requests());
    }
  }

  @Test
  void anExposeInDoubtStaysInDoubtAfterARestart() throws Exception {
    server.onRequest =
        item -> {
          if (FakeServer.request(item).hasExpose()) {
            throw FakeServer.failure(Code.INTERNAL, "unknown");
          }
          return item;
        };
    assertEquals("ExposeUnknown(Unknown)", Describe.of(client.resume(prepared(), saver)));
    server.onStart =
        item -> {
          throw FakeServer.failure(Code.UNAVAILABLE, "no");
        };
    try (PendingBackup pending = PendingBackup.fromBytes(saved.get(saved.size() - 1))) {
      assertEquals(PendingBackup.Phase.EXPOSING, pending.phase());
      assertEquals("ExposeUnknown(NotApplied)", Describe.of(client.resume(pending, saver)));
    }
    server.onStart = item -> item;
    server.onRequest = item -> item;
    server.requests.clear();
    try (PendingBackup pending = PendingBackup.fromBytes(saved.get(saved.size() - 1))) {
      assertEquals("Stored", Describe.of(client.resume(pending, saver)));
    }
    assertEquals("EXPOSE", requests());
  }

  @Test
  void aBackupInDoubtStaysInDoubtAfterARestart() throws Exception {
    server.onAnswer =
        item -> {
          throw FakeServer.failure(Code.INTERNAL, "unknown");
        };
    try (PendingBackup pending = prepared()) {
      assertEquals(
          "Unknown", Describe.of(((StoreResult.Failed) client.store(pending, saver)).failure()));
    }
    server.onStart =
        item -> {
          throw FakeServer.failure(Code.UNAVAILABLE, "no");
        };
    try (PendingBackup pending = PendingBackup.fromBytes(saved.get(0))) {
      assertEquals("Unknown", Describe.of(client.resume(pending, saver)));
    }
  }

  @Test
  void replacedBetweenThePhasesIsItsOwnResultAndTheEnd() throws Exception {
    PendingBackup pending = prepared();
    client.store(pending, saver);
    server.data = ClientFixture.filled(0x55, 32);
    assertEquals("ExposeRefused", Describe.of(client.expose(pending, saver)));
    assertEquals(PendingBackup.Phase.REFUSED, phase(saved.get(saved.size() - 1)));
    server.requests.clear();
    assertEquals("ExposeRefused", Describe.of(client.resume(pending, saver)));
    assertEquals("", requests());
  }

  @Test
  void whatCannotBeSavedIsNotSent() {
    StateSaver broken =
        state -> {
          throw new IOException("disk full");
        };
    PendingBackup pending = prepared();
    assertEquals("NotSaved", Describe.of(client.resume(pending, broken)));
    assertEquals("", requests());
    assertEquals(PendingBackup.Phase.PREPARED, pending.phase());
    assertEquals("Stored", client.store(pending, saver).toString());
    assertEquals("NotExposed(NotSaved)", Describe.of(client.resume(pending, broken)));
    assertEquals("BACKUP", requests());
    assertEquals(PendingBackup.Phase.STORED, pending.phase());
    assertEquals("Stored", Describe.of(client.resume(pending, saver)));
  }

  @Test
  void theArrayGivenToTheSaverIsWiped() {
    List<byte[]> given = new ArrayList<>();
    client.resume(prepared(), given::add);
    for (byte[] array : given) {
      assertArrayEquals(new byte[array.length], array);
    }
  }

  @Test
  void secretsLeaveTheStateAsSoonAsTheyAreNotNeeded() {
    client.resume(prepared(), saver);
    String data = Hex.encode(ClientFixture.DATA);
    String accessKey = Hex.encode(ClientFixture.RIGHT.accessKey());
    boolean[][] holds = {{true, true}, {true, false}, {false, false}};
    for (int i = 0; i < 3; i++) {
      String state = Hex.encode(saved.get(i));
      assertEquals(holds[i][0], state.contains(data), "data in " + i);
      assertEquals(holds[i][1], state.contains(accessKey), "access key in " + i);
      assertFalse(state.contains(ClientFixture.USER), "user");
    }
  }

  @Test
  void anotherUsersOrGroupsStateIsRefused() {
    Svr2Client other =
        fixture.builder().credentials(Credentials.of("f".repeat(32), "1:aa")).build();
    Svr2Client unpinned = fixture.builder().pins(null).build();
    PendingBackup pending = prepared();
    assertThrows(IllegalArgumentException.class, () -> other.resume(pending, saver));
    assertThrows(IllegalStateException.class, () -> unpinned.resume(pending, saver));
    PendingBackup elsewhere =
        PendingBackup.prepare(
            ClientFixture.USER, 1, ClientFixture.RIGHT, ClientFixture.DATA, false, 3);
    assertThrows(IllegalArgumentException.class, () -> client.store(elsewhere, saver));
    try (Pin pin = Pin.of("1".toCharArray())) {
      assertThrows(IllegalStateException.class, () -> unpinned.prepare(pin, ClientFixture.DATA, 3));
    }
    assertEquals(0, server.sessions.get());
  }

  @Test
  void oneOperationAtATime() {
    PendingBackup pending = prepared();
    List<Throwable> refused = new ArrayList<>();
    client.resume(
        pending,
        state ->
            refused.add(
                assertThrows(IllegalStateException.class, () -> client.resume(pending, saver))));
    assertEquals(3, refused.size());
  }

  // ---- The bytes ----

  private static String refusal(byte[] state) {
    return assertThrows(StateException.class, () -> PendingBackup.fromBytes(state)).getMessage();
  }

  @Test
  void everyCutAndEveryFlippedBitIsRefused() {
    byte[] state = prepared().toBytes();
    for (int length = 0; length < state.length; length++) {
      String text = refusal(Arrays.copyOf(state, length));
      assertTrue(text.contains(length < 4 ? "no saved state" : "truncated"), text);
    }
    for (int bit = 0; bit < state.length * 8; bit++) {
      byte[] altered = state.clone();
      altered[bit / 8] ^= (byte) (1 << (bit % 8));
      refusal(altered);
    }
    refusal(Arrays.copyOf(state, state.length + 1));
    refusal(new byte[1 << 20]);
  }

  @Test
  void otherVersionsAndKindsAreNamed() {
    byte[] state = prepared().toBytes();
    state[4] = 2;
    assertTrue(refusal(state).contains("version 2; this library reads version 1"));
    byte[] migration = new StateCodec.Writer(StateCodec.MIGRATION).number(1).done();
    assertTrue(refusal(migration).contains("of a migration, not of a backup"));
  }

  @Test
  void wellSealedNonsenseIsRefused() {
    byte[] owner = StateCodec.fingerprint(ClientFixture.USER);
    refusal(new StateCodec.Writer(StateCodec.BACKUP).done());
    refusal(new StateCodec.Writer(StateCodec.BACKUP).number(7).done());
    refusal(new StateCodec.Writer(StateCodec.BACKUP).number(1).bytes(owner).number(1L).done());
    refusal(state(owner, 0, 32, 32, 0));
    refusal(state(owner, 3, 15, 32, 0));
    refusal(state(owner, 3, 49, 32, 0));
    refusal(state(owner, 3, 32, 31, 0));
    refusal(state(new byte[31], 3, 32, 32, 0));
    refusal(state(owner, 3, 32, 32, 1));
  }

  private static byte[] state(byte[] owner, int tries, int data, int key, int behind) {
    StateCodec.Writer out =
        new StateCodec.Writer(StateCodec.BACKUP)
            .number(1)
            .bytes(owner)
            .number(1L)
            .number(tries)
            .bytes(new byte[data])
            .bytes(new byte[key]);
    for (int i = 0; i < behind; i++) {
      out.number(0);
    }
    return out.done();
  }

  /** The bytes are a format: what version 1 wrote stays readable. */
  @Test
  void theFormatStays() throws Exception {
    PendingBackup pending =
        PendingBackup.prepare(
            ClientFixture.USER, 0x0123456789abcdefL, ClientFixture.RIGHT, KEY, false, 9);
    String expected =
        "53565232"
            + "01"
            + "01"
            + "01"
            + "0020"
            + Hex.encode(StateCodec.fingerprint(ClientFixture.USER))
            + "0123456789abcdef"
            + "09"
            + "0020"
            + "4b".repeat(32)
            + "0020"
            + "02".repeat(32);
    String bytes = Hex.encode(pending.toBytes());
    assertEquals(expected, bytes.substring(0, bytes.length() - 32));
  }

  @Test
  void sealedStateOpensWithItsKeyAlone() throws Exception {
    List<byte[]> kept = new ArrayList<>();
    client.resume(prepared(), SealedState.saver(KEY, state -> kept.add(state.clone())));
    byte[] sealed = kept.get(1);
    assertFalse(Hex.encode(sealed).contains(Hex.encode(ClientFixture.DATA)));
    assertEquals(PendingBackup.Phase.EXPOSING, phase(SealedState.open(sealed, KEY)));
    assertThrows(StateException.class, () -> SealedState.open(sealed, ClientFixture.filled(1, 32)));
    for (int bit = 0; bit < sealed.length * 8; bit++) {
      byte[] altered = sealed.clone();
      altered[bit / 8] ^= (byte) (1 << (bit % 8));
      assertThrows(StateException.class, () -> SealedState.open(altered, KEY));
    }
    for (int length = 0; length < sealed.length; length++) {
      byte[] cut = Arrays.copyOf(sealed, length);
      assertThrows(StateException.class, () -> SealedState.open(cut, KEY));
    }
    // Taken for the other kind, each is named.
    byte[] plain = prepared().toBytes();
    assertTrue(
        assertThrows(StateException.class, () -> SealedState.open(plain, KEY))
            .getMessage()
            .contains("not sealed"));
    assertTrue(refusal(sealed).contains("version 129"));
    assertThrows(IllegalArgumentException.class, () -> SealedState.seal(plain, new byte[31]));
  }
}
