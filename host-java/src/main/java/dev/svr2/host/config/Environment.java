// SPDX-License-Identifier: Apache-2.0
//
// Environment variables in configuration values: ${NAME}, ${NAME:-default}, and $${ for a
// literal ${. Expansion happens after YAML has been read, value by value, so a variable cannot
// add a key.
package dev.svr2.host.config;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Expands environment variables. Immutable. */
final class Environment {
  private static final Pattern VARIABLE =
      Pattern.compile("\\$(\\$)?\\{(?:([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\\}|)");

  private final Map<String, String> variables;

  Environment(Map<String, String> variables) {
    this.variables = Map.copyOf(variables);
  }

  /** Null when it is not set. */
  String get(String name) {
    return variables.get(name);
  }

  /** True when the whole of {@code text} is one variable, with or without a default. */
  static boolean isOneVariable(String text) {
    return text.strip().matches("\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-)?\\}");
  }

  /**
   * Expands all variables in {@code text}. As in a shell, {@code :-} gives its default for a
   * variable that is unset or empty. What a variable holds is not expanded again.
   *
   * @throws Key.BadValue for a variable that is not set and has no default, or a malformed one
   */
  String expand(String text) throws Key.BadValue {
    Matcher matcher = VARIABLE.matcher(text);
    StringBuilder result = new StringBuilder();
    int copied = 0;
    while (matcher.find()) {
      result.append(text, copied, matcher.start()).append(replacement(matcher));
      copied = matcher.end();
    }
    return result.append(text, copied, text.length()).toString();
  }

  private String replacement(Matcher matcher) throws Key.BadValue {
    if (matcher.group(1) != null) {
      return matcher.group().substring(1);
    }
    String name = matcher.group(2);
    if (name == null) {
      throw new Key.BadValue(
          "'${' starts a variable, ${NAME} or ${NAME:-default}; write $${ for a literal ${");
    }
    String value = variables.get(name);
    boolean hasDefault = matcher.group(3) != null;
    if (value == null && !hasDefault) {
      throw new Key.BadValue(
          "the environment variable %s is not set; set it, or write ${%s:-default}"
              .formatted(name, name));
    }
    return hasDefault && (value == null || value.isEmpty()) ? matcher.group(4) : value;
  }
}
