// SPDX-License-Identifier: Apache-2.0
//
// The sessions that every transport and both handshakes must serve (protocol.md §1 to §3), as
// bytes.
package dev.svr2.host.e2e.transcript;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Subclasses say how to connect. */
abstract class Transcript {
  // §2: Request oneof backup = 2, restore = 3, delete = 4, expose = 5, tries = 6.
  private static final String DATA = "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf";
  private static final String PIN = "a5".repeat(32);
  private static final String WRONG = "5a".repeat(32);
  private static final byte[] BACKUP = hex("1236" + "0a10" + DATA + "1220" + PIN + "1803");
  private static final byte[] EXPOSE = hex("2a12" + "0a10" + DATA);
  private static final byte[] RESTORE = hex("1a22" + "0a20" + PIN);
  private static final byte[] RESTORE_WRONG = hex("1a22" + "0a20" + WRONG);
  private static final byte[] DELETE = hex("2200");
  private static final byte[] TRIES = hex("3200");

  // Response oneof backup = 1, restore = 2, delete = 3, expose = 4, tries = 5.
  private static final String OK_BACKUP = "0a02" + "0801";
  private static final String OK_EXPOSE = "2202" + "0801";
  private static final String ERROR_EXPOSE = "2202" + "0802";
  private static final String OK_RESTORE = "1216" + "0801" + "1210" + DATA + "18";
  private static final String MISSING_RESTORE = "1202" + "0802";
  private static final String WRONG_RESTORE = "1204" + "0803" + "18";
  private static final String OK_DELETE = "1a00";
  private static final String MISSING_TRIES = "2a02" + "0802";
  private static final String OK_TRIES = "0801" + "10";

  /** A new connection of a user of this number; each has a row of its own. */
  abstract Wire connect(int user) throws Exception;

  /** Whether the server offers NKhfs. */
  abstract boolean hybrid();

  static byte[] hex(String text) {
    return HexFormat.of().parseHex(text);
  }

  final Session session(int user) throws Exception {
    return Session.open(connect(user), hybrid());
  }

  private static void assertAnswer(String expected, Session session, byte[] request)
      throws Exception {
    assertEquals(expected, HexFormat.of().formatHex(session.ask(request)));
  }

  @Test
  void oneSessionWithEveryRequest() throws Exception {
    Session session = session(1);
    assertAnswer(MISSING_TRIES, session, TRIES);
    assertAnswer(MISSING_RESTORE, session, RESTORE);
    assertAnswer(ERROR_EXPOSE, session, EXPOSE);
    assertAnswer(OK_BACKUP, session, BACKUP);
    assertAnswer("2a04" + OK_TRIES + "03", session, TRIES); // Not exposed: the default, absent.
    assertAnswer(MISSING_RESTORE, session, RESTORE);
    assertAnswer(OK_EXPOSE, session, EXPOSE);
    assertAnswer(OK_EXPOSE, session, EXPOSE);
    assertAnswer("2a06" + OK_TRIES + "03" + "1801", session, TRIES);
    assertAnswer(OK_RESTORE + "03", session, RESTORE);
    assertAnswer(WRONG_RESTORE + "02", session, RESTORE_WRONG);
    assertAnswer(OK_RESTORE + "02", session, RESTORE);
    assertAnswer(WRONG_RESTORE + "01", session, RESTORE_WRONG);
    assertAnswer(MISSING_RESTORE, session, RESTORE_WRONG); // The last guess erases it.
    assertAnswer(MISSING_TRIES, session, TRIES);
    assertAnswer(OK_BACKUP, session, BACKUP);
    assertAnswer(OK_DELETE, session, DELETE);
    assertAnswer(OK_DELETE, session, DELETE);
    assertAnswer(MISSING_TRIES, session, TRIES);
    session.wire().close();
  }

  /** §1: pieces of at most 65,519 bytes. What pads the request is a field that nobody knows. */
  @Test
  void requestsAroundTheLimitOfAPiece() throws Exception {
    Session session = session(2);
    int[] sizes = {
      Noise.PIECE_BYTES - 1,
      Noise.PIECE_BYTES,
      Noise.PIECE_BYTES + 1,
      2 * Noise.PIECE_BYTES - 1,
      2 * Noise.PIECE_BYTES // 131,070 bytes when sealed: the longest item below 128 KiB.
    };
    for (int size : sizes) {
      // Tag and length of the padding take four bytes.
      byte[] request = Pb.join(TRIES, Pb.bytes(15, new byte[size - TRIES.length - 4]));
      assertEquals(size, request.length);
      assertAnswer(MISSING_TRIES, session, request);
    }
    session.wire().close();
  }

  @Test
  void aDroppedConnectionEndsItsSessionAlone() throws Exception {
    Session session = session(3);
    Session other = session(4);
    assertAnswer(OK_BACKUP, session, BACKUP);
    assertAnswer(OK_EXPOSE, session, EXPOSE);
    session.tell(RESTORE_WRONG); // Nobody waits for the answer: it may count or not.
    session.wire().drop();
    Session dropped = Session.open(connect(3), hybrid());
    dropped.wire().drop();
    assertAnswer(MISSING_TRIES, other, TRIES);
    Session again = session(3);
    byte[] tries = Pb.find(again.ask(TRIES), 5);
    assertNotNull(tries);
    other.wire().close();
    again.wire().close();
  }
}
