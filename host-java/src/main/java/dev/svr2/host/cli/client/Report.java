// SPDX-License-Identifier: Apache-2.0
//
// What a command prints: what was asked for on standard output, everything else on standard error;
// with --json one object on standard output, whatever the outcome.
package dev.svr2.host.cli.client;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** One command's outcome. Not thread-safe. */
final class Report {
  private final PrintWriter out;
  private final PrintWriter err;
  private final boolean json;
  private final Map<String, Object> fields = new LinkedHashMap<>();
  private String answer;

  Report(PrintWriter out, PrintWriter err, boolean json) {
    this.out = out;
    this.err = err;
    this.json = json;
  }

  /** A line on standard error, at once. */
  void warn(String text) {
    err.println("warning: " + text);
    err.flush();
  }

  /** What was asked for: standard output, alone, when not in JSON. */
  Report answer(String text) {
    answer = text;
    return this;
  }

  /** A field of the JSON object: a String, Integer or Boolean. */
  Report field(String name, Object value) {
    fields.put(name, value);
    return this;
  }

  /** Prints and returns the exit code. {@code result} is one word for programs. */
  int end(int exitCode, String result, String text) {
    if (json) {
      out.println(object(exitCode, result, text));
    } else if (answer != null) {
      out.println(answer);
    }
    out.flush();
    err.println(exitCode == ExitCode.DONE ? text : "error: " + text);
    err.flush();
    return exitCode;
  }

  private String object(int exitCode, String result, String text) {
    StringWriter to = new StringWriter();
    try (JsonWriter writer = new JsonWriter(to)) {
      writer.beginObject();
      writer.name("result").value(result);
      writer.name("exit_code").value(exitCode);
      for (Map.Entry<String, Object> field : fields.entrySet()) {
        writer.name(field.getKey());
        if (field.getValue() instanceof Boolean b) {
          writer.value(b);
        } else if (field.getValue() instanceof Integer i) {
          writer.value(i);
        } else {
          writer.value(String.valueOf(field.getValue()));
        }
      }
      writer.name("text").value(text);
      writer.endObject();
    } catch (IOException e) {
      throw new UncheckedIOException("a StringWriter cannot fail", e);
    }
    return to.toString();
  }
}
