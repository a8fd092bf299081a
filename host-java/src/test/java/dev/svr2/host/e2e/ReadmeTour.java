// SPDX-License-Identifier: Apache-2.0
//
// The tour of README.md as steps that a test runs: each `$ ./svr2 …` and `$ kill …` line of a code
// block, with the lines below it as what it prints and, after `; echo $?`, the exit code.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the page. Not thread-safe. */
final class ReadmeTour {
  private static final Pattern ECHO = Pattern.compile("\\s*;\\s*echo \\$\\?\\s*$");
  private static final Pattern COMMENT = Pattern.compile("\\s+#\\s.*$");
  private static final Pattern VARIABLE = Pattern.compile("([A-Z]+)=\"([^\"]*)\"", Pattern.DOTALL);

  /** Values that are new with each group, each build or each second. */
  private static final Pattern CHANGING =
      Pattern.compile("(?i)(measurement|signer|group_id|\\bid|leader|version|uptime|_seconds)\\b");

  private final StringBuilder variables = new StringBuilder();
  private final List<Step> steps = new ArrayList<>();

  private ReadmeTour() {}

  /**
   * One command.
   *
   * @param command for a shell in the repository's root
   * @param exit the expected exit code
   * @param lines what the page shows of its output, both streams
   */
  record Step(String command, int exit, List<String> lines) {
    /** Fails the test unless exit code and lines are those of the page. */
    void check(int actual, String out, String err) {
      String shown = "%s%n%s%s".formatted(command, out, err);
      assertEquals(exit, actual, shown);
      List<String> printed = (out + err).lines().map(String::strip).toList();
      for (String line : lines) {
        if (!line.contains("…") && !CHANGING.matcher(line).find()) {
          assertTrue(printed.contains(line.strip()), () -> "'" + line + "' is not in: " + shown);
        }
      }
    }
  }

  /**
   * All commands of the page that start with {@code ./svr2} or {@code kill}, in order.
   *
   * @param places texts of the page and what stands for them here
   */
  static List<Step> read(Path page, Map<String, String> places) throws IOException {
    String text = Files.readString(page);
    for (Map.Entry<String, String> place : places.entrySet()) {
      text = text.replace(place.getKey(), place.getValue());
    }
    ReadmeTour tour = new ReadmeTour();
    String[] parts = text.split("(?m)^```.*$", -1);
    for (int i = 1; i < parts.length; i += 2) {
      tour.readBlock(parts[i].lines().toList());
    }
    return tour.steps;
  }

  private void readBlock(List<String> lines) {
    int at = 0;
    while (at < lines.size()) {
      String line = lines.get(at++);
      if (!line.startsWith("$ ")) {
        continue;
      }
      StringBuilder command = new StringBuilder(line.substring(2));
      while (at < lines.size() && isOpen(command)) {
        if (command.charAt(command.length() - 1) == '\\') {
          command.setLength(command.length() - 1);
        }
        command.append(' ').append(lines.get(at++).strip());
      }
      int end = at;
      while (end < lines.size() && !lines.get(end).startsWith("$ ")) {
        end++;
      }
      add(command.toString(), lines.subList(at, end).stream().filter(l -> !l.isBlank()).toList());
      at = end;
    }
  }

  /** True when the next line belongs to the same command. */
  private static boolean isOpen(CharSequence command) {
    boolean quoted = command.chars().filter(c -> c == '"').count() % 2 == 1;
    return quoted || command.charAt(command.length() - 1) == '\\';
  }

  private void add(String command, List<String> lines) {
    if (VARIABLE.matcher(command.strip()).matches()) {
      variables.append(command.strip()).append("; ");
      return;
    }
    if (!command.startsWith("./svr2 ") && !command.startsWith("kill ")) {
      return;
    }
    Matcher echo = ECHO.matcher(command);
    if (!echo.find()) {
      steps.add(new Step(variables + COMMENT.matcher(command).replaceFirst(""), 0, lines));
      return;
    }
    assertTrue(!lines.isEmpty(), "no exit code under: " + command);
    int last = lines.size() - 1;
    steps.add(
        new Step(
            variables + command.substring(0, echo.start()),
            Integer.parseInt(lines.get(last).strip()),
            lines.subList(0, last)));
  }
}
