// SPDX-License-Identifier: Apache-2.0
//
// Where the two PIN keys of an operation come from: hashed for the group of the session, or given.
package dev.svr2.client;

import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;

/** Owns its keys; close it to erase them. One call at a time. */
final class KeySource implements AutoCloseable {
  private final Pin pin;
  private final PinKeys given;
  private final String user;
  private PinKeys derived;
  private long derivedFor;

  private KeySource(Pin pin, PinKeys given, String user) {
    this.pin = pin;
    this.given = given;
    this.user = user;
  }

  /** Hashes a copy of the PIN when asked for keys. */
  static KeySource of(Pin pin, String user) {
    return new KeySource(pin.copy(), null, user);
  }

  /** A copy of keys made elsewhere, for whatever group. */
  static KeySource of(PinKeys keys) {
    return new KeySource(null, keys.copy(), null);
  }

  /** The keys for that group; they stay this object's. */
  PinKeys keys(long groupId) {
    if (given != null) {
      return given;
    }
    if (derived == null || derivedFor != groupId) {
      if (derived != null) {
        derived.close();
      }
      derived = PinKeys.derive(pin, user, groupId);
      derivedFor = groupId;
    }
    return derived;
  }

  @Override
  public void close() {
    if (pin != null) {
      pin.close();
    }
    if (given != null) {
      given.close();
    }
    if (derived != null) {
      derived.close();
    }
  }
}
