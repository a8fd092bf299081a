// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** What BackupPhasesTest asks, over WebSocket. */
class WebSocketPhasesTest extends BackupPhasesTest {
  @Override
  ClientFixture fixture() {
    return new ClientFixture(true);
  }

  /** Over a real network the close may cross the expose, which then may have been sent. */
  @Test
  @Override
  void anExposeThatNeverLeftIsNotCalledUnknown() {
    notExposed();
    String result = backup();
    assertTrue(result.matches("(NotExposed|ExposeUnknown)\\(NotApplied\\)"), result);
    assertTrue(requests().startsWith("BACKUP"), requests());
  }
}
