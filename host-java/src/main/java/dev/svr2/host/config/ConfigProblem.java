// SPDX-License-Identifier: Apache-2.0
//
// One thing that is wrong with a configuration file: where, what, and what to do about it.
package dev.svr2.host.config;

/**
 * One problem of a configuration.
 *
 * @param file as the user named it
 * @param line from 1; 0 when the problem has no line (a key that is missing)
 * @param text what is wrong and what to do, in one line; never holds a secret
 */
public record ConfigProblem(String file, int line, String text) {
  /** {@code file:line: text}, the form that editors and terminals make clickable. */
  @Override
  public String toString() {
    return line > 0 ? file + ":" + line + ": " + text : file + ": " + text;
  }
}
