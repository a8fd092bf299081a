// SPDX-License-Identifier: Apache-2.0
//
// How log lines look.
package dev.svr2.host.config;

/** Form of the log. */
public enum LogFormat {
  /** One readable line an event. */
  PLAIN,
  /** One JSON object an event. */
  JSON
}
