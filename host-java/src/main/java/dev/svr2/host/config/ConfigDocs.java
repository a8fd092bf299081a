// SPDX-License-Identifier: Apache-2.0
//
// docs/configuration.md, made from the declarations of the keys.
package dev.svr2.host.config;

/** Writes the reference of all keys. */
public final class ConfigDocs {
  private ConfigDocs() {}

  private static final String HEADER =
      """
      # Configuration

      <!-- Made from dev.svr2.host.config.Keys; ConfigDocsTest compares, and writes it anew when run with
           -Dsvr2.record=true. -->

      `svr2 host --config FILE` reads one YAML file. Every key of the file must be one of these; a key that
      is none is refused with its line and the nearest key, and all problems are reported at once. In any
      value `${NAME}` stands for an environment variable, `${NAME:-default}` gives a default for one that is
      unset or empty, and `$${` is a literal `${`.
      """;

  /** The whole page. */
  public static String markdown() {
    StringBuilder page = new StringBuilder(HEADER);
    String section = null;
    for (Key<?> key : Keys.ALL) {
      int dot = key.path().indexOf('.');
      String keySection = dot < 0 ? "Top level" : key.path().substring(0, dot);
      if (!keySection.equals(section)) {
        section = keySection;
        page.append("\n## ").append(section.equals("Top level") ? section : "`" + section + "`");
        page.append("\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
      }
      page.append(
          "| `%s` | %s | %s | %s |\n".formatted(key.path(), key.type(), defaultOf(key), key.doc()));
    }
    return page.toString();
  }

  private static String defaultOf(Key<?> key) {
    if (key.isRequired()) {
      return "none: must be given";
    }
    return key.defaultText().isEmpty() ? "empty" : "`" + key.defaultText() + "`";
  }
}
