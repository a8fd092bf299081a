// SPDX-License-Identifier: Apache-2.0
//
// JSON for `--json`: objects out of maps.
package dev.svr2.host.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.svr2.host.cli.client.ExitCode;
import java.util.LinkedHashMap;
import java.util.Map;

/** Stateless. */
final class Json {
  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

  /** What `--json` does, for the help of every command that has it. */
  static final String OPTION =
      "Print one JSON object; after a failure {\"result\", \"exit_code\", \"text\"}.";

  private Json() {}

  /** The object of a command that failed, in the form of the client commands. */
  static String failure(int exitCode, String text) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put(
        "result",
        switch (exitCode) {
          case ExitCode.USAGE -> "usage";
          case ExitCode.NOT_APPLIED -> "not-applied";
          case ExitCode.UNKNOWN -> "unknown";
          case ExitCode.REFUSED -> "refused";
          default -> "failed";
        });
    fields.put("exit_code", exitCode);
    fields.put("text", text);
    return object(fields);
  }

  /** One object; values are strings, numbers, booleans, lists and maps. */
  static String object(Map<String, ?> fields) {
    return GSON.toJson(fields);
  }
}
