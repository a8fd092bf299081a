// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client;

/** What Svr2ClientTest asks, over WebSocket. */
class WebSocketClientTest extends Svr2ClientTest {
  @Override
  ClientFixture fixture() {
    return new ClientFixture(true);
  }
}
