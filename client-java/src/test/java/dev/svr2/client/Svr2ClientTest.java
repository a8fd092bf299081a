// SPDX-License-Identifier: Apache-2.0
//
// The client against a server that keeps the protocol (protocol.md §2).
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.pin.Pin;
import dev.svr2.client.testing.Describe;
import dev.svr2.proto.Request;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class Svr2ClientTest {
  private final ClientFixture fixture = fixture();
  private final Svr2Client client = fixture.client();

  /** Over which transport. */
  ClientFixture fixture() {
    return new ClientFixture();
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  private List<Request.InnerCase> requests() {
    return fixture.server.requests.stream().map(Request::getInnerCase).collect(Collectors.toList());
  }

  @Test
  void storedExposedRestored() {
    assertEquals(
        "Stored", Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 3)));
    assertEquals(List.of(Request.InnerCase.BACKUP, Request.InnerCase.EXPOSE), requests());
    RestoreResult result = client.restoreRaw(ClientFixture.RIGHT);
    assertEquals("Restored(32,3)", Describe.of(result));
    RestoreResult.Restored restored = (RestoreResult.Restored) result;
    assertArrayEquals(ClientFixture.DATA, restored.data());
    restored.close();
    assertArrayEquals(new byte[32], restored.data());
  }

  @Test
  void wrongPinsSpendTheTriesThenNothingIsThere() {
    fixture.store(2);
    assertEquals("WrongPin(1)", Describe.of(client.restoreRaw(ClientFixture.WRONG)));
    assertEquals(
        "NothingThere(GONE_OR_NEVER_STORED)", Describe.of(client.restoreRaw(ClientFixture.WRONG)));
    assertEquals(
        List.of(Request.InnerCase.RESTORE, Request.InnerCase.RESTORE, Request.InnerCase.TRIES),
        requests());
  }

  @Test
  void notExposedIsTold() {
    fixture.store(2);
    fixture.server.exposed = false;
    assertEquals("NothingThere(NOT_EXPOSED)", Describe.of(client.restoreRaw(ClientFixture.RIGHT)));
    assertEquals("Left(2,false)", Describe.of(client.tries()));
  }

  @Test
  void triesAndDelete() {
    assertEquals("NothingThere", Describe.of(client.tries()));
    fixture.store(7);
    assertEquals("Left(7,true)", Describe.of(client.tries()));
    assertEquals("Deleted", Describe.of(client.delete()));
    assertEquals("NothingThere", Describe.of(client.tries()));
    fixture.store(7);
    assertEquals("Deleted", Describe.of(client.deleteWithoutSession()));
    assertEquals("NothingThere", Describe.of(client.tries()));
  }

  @Test
  void masterKeysAreWrappedWithThePin() {
    byte[] masterKey = ClientFixture.filled(5, 32);
    try (Pin pin = Pin.of("1234".toCharArray());
        Pin other = Pin.of("1235".toCharArray())) {
      assertEquals("Stored", Describe.of(client.backup(pin, masterKey, 10)));
      assertEquals(48, fixture.server.data.length);
      assertFalse(Arrays.equals(masterKey, Arrays.copyOfRange(fixture.server.data, 16, 48)));
      RestoreResult.Restored restored = (RestoreResult.Restored) client.restore(pin);
      assertArrayEquals(masterKey, restored.data());
      assertEquals("WrongPin(9)", Describe.of(client.restore(other)));
      // Without pins the group comes from the evidence, and the hash is the same.
      Svr2Client unpinned = fixture.builder().pins(null).build();
      assertEquals("Restored(32,9)", Describe.of(unpinned.restore(pin)));
      fixture.server.data[0] ^= 1;
      assertEquals("NotUnwrappable", Describe.of(client.restore(pin)));
    }
  }

  @Test
  void theExposeCanBeRepeatedAlone() {
    fixture.store(3);
    fixture.server.exposed = false;
    assertEquals("Stored", Describe.of(client.expose(ClientFixture.DATA)));
    assertEquals(List.of(Request.InnerCase.EXPOSE), requests());
    assertEquals("ExposeRefused", Describe.of(client.expose(ClientFixture.filled(1, 16))));
  }

  @Test
  void credentialsTravelAsBasic() {
    client.tries();
    assertEquals(
        Credentials.of(ClientFixture.USER, "1:aa").authorization(), fixture.server.authorization);
  }

  @Test
  void limitsAreCheckedBeforeAnythingIsSent() {
    for (int size : new int[] {0, 15, 49}) {
      byte[] data = new byte[size];
      assertThrows(
          IllegalArgumentException.class, () -> client.backupRaw(ClientFixture.RIGHT, data, 1));
      assertThrows(IllegalArgumentException.class, () -> client.expose(data));
    }
    for (int tries : new int[] {-1, 0, 256}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, tries));
    }
    try (Pin pin = Pin.of("1".toCharArray())) {
      assertThrows(IllegalArgumentException.class, () -> client.backup(pin, new byte[31], 1));
      assertThrows(IllegalArgumentException.class, () -> client.backup(pin, new byte[32], 0));
    }
    assertEquals(0, fixture.server.sessions.get());
  }

  @Test
  void settingsOutsideTheirLimitsAreRefused() {
    Svr2Client.Builder builder = fixture.builder();
    assertThrows(IllegalArgumentException.class, () -> builder.timeout(Duration.ZERO));
    assertThrows(IllegalArgumentException.class, () -> builder.timeout(Duration.ofHours(2)));
    assertThrows(IllegalArgumentException.class, () -> builder.attempts(0));
    assertThrows(IllegalArgumentException.class, () -> builder.attempts(101));
    assertThrows(IllegalArgumentException.class, () -> builder.retryPause(Duration.ofSeconds(-1)));
    assertThrows(IllegalArgumentException.class, () -> builder.retryPause(Duration.ofHours(1)));
    assertThrows(NullPointerException.class, () -> Svr2Client.builder().build());
    assertThrows(NullPointerException.class, () -> builder.credentials(null).build());
  }

  @Test
  void secretsAreInNoText() {
    fixture.store(3);
    String secret = "7777";
    RestoreResult result = client.restoreRaw(ClientFixture.RIGHT);
    assertFalse(result.toString().contains(secret));
    assertTrue(client.tries().toString().length() < 20);
  }
}
