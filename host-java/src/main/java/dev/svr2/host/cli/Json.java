// SPDX-License-Identifier: Apache-2.0
//
// JSON for `--json`: objects out of maps.
package dev.svr2.host.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.Map;

/** Stateless. */
final class Json {
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

  private Json() {}

  /** One object; values are strings, numbers, booleans, lists and maps. */
  static String object(Map<String, ?> fields) {
    return GSON.toJson(fields);
  }
}
