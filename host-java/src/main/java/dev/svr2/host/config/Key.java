// SPDX-License-Identifier: Apache-2.0
//
// Declaration of one configuration key: its place in the file, its type, its default and its
// meaning. The loader, the checks and docs/configuration.md all work from these declarations.
package dev.svr2.host.config;

import com.google.common.base.Splitter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * One configuration key.
 *
 * @param path section and name, joined by a dot
 * @param type for readers: the form of the value, with its unit and range
 * @param defaultText as it would stand in the file; null when the key must be given
 * @param doc what it does, in whole sentences
 * @param parser text to value; throws {@link BadValue} with what is wrong
 */
record Key<T>(String path, String type, String defaultText, String doc, Parser<T> parser) {
  /** Turns the text of a scalar, with its environment variables expanded, into a value. */
  interface Parser<T> {
    T parse(String text) throws BadValue;
  }

  /** What is wrong with a value, as the end of a sentence that starts with the key. */
  static final class BadValue extends Exception {
    BadValue(String message) {
      super(message);
    }
  }

  boolean isRequired() {
    return defaultText == null;
  }

  static Key<Long> integer(
      String path, String defaultText, long min, long max, String unit, String doc) {
    String range = "%s to %s".formatted(grouped(min), grouped(max));
    String type = unit.isEmpty() ? range : unit + ", " + range;
    return new Key<>(path, type, defaultText, doc, text -> parseInteger(text, min, max, unit));
  }

  private static final Pattern SIZE = Pattern.compile("([0-9][0-9_]*)\\s*(KiB|MiB|GiB)?");

  static Key<Long> bytes(String path, String defaultText, long min, long max, String doc) {
    String type =
        "bytes (KiB, MiB and GiB are understood), %s to %s".formatted(size(min), size(max));
    return new Key<>(
        path,
        type,
        defaultText,
        doc,
        text -> {
          Matcher matcher = SIZE.matcher(text.strip());
          if (!matcher.matches()) {
            throw new BadValue(quoted(text) + " is not a number of bytes such as 65536 or 64 KiB");
          }
          int shift =
              switch (Optional.ofNullable(matcher.group(2)).orElse("")) {
                case "KiB" -> 10;
                case "MiB" -> 20;
                case "GiB" -> 30;
                default -> 0;
              };
          // In units first, so that the shift cannot overflow.
          long units = parseInteger(matcher.group(1), 0, max >> shift, "");
          long value = units << shift;
          if (value < min) {
            throw new BadValue(quoted(text) + " is outside " + size(min) + " to " + size(max));
          }
          return value;
        });
  }

  static Key<Boolean> bool(String path, String defaultText, String doc) {
    return new Key<>(
        path,
        "true or false",
        defaultText,
        doc,
        text ->
            switch (text.strip()) {
              case "true" -> true;
              case "false" -> false;
              default -> throw new BadValue(quoted(text) + " is neither true nor false");
            });
  }

  static Key<String> string(String path, String type, String defaultText, String doc) {
    return new Key<>(path, type, defaultText, doc, text -> text);
  }

  static <E extends Enum<E>> Key<E> choice(
      String path, Class<E> type, String defaultText, String doc) {
    E[] values = type.getEnumConstants();
    String names =
        Arrays.stream(values)
            .map(value -> yamlName(value.name()))
            .collect(Collectors.joining(", "));
    return new Key<>(
        path,
        "one of " + names,
        defaultText,
        doc,
        text -> {
          for (E value : values) {
            if (yamlName(value.name()).equals(text.strip())) {
              return value;
            }
          }
          throw new BadValue(quoted(text) + " is not one of " + names);
        });
  }

  static Key<HostPort> listen(String path, String defaultText, String doc) {
    return new Key<>(
        path,
        "HOST:PORT, port 0 takes a free one",
        defaultText,
        doc,
        text -> {
          try {
            return HostPort.parse(text.strip());
          } catch (IllegalArgumentException e) {
            throw new BadValue(quoted(text) + " is not HOST:PORT: " + e.getMessage());
          }
        });
  }

  /** Where to listen, or nowhere: an empty value, which is the default. */
  static Key<Optional<HostPort>> listenOrNone(String path, String doc) {
    Key<HostPort> key = listen(path, "", doc);
    return new Key<>(
        path,
        key.type() + "; empty for none",
        "",
        doc,
        text -> text.isBlank() ? Optional.empty() : Optional.of(key.parser().parse(text)));
  }

  /** An address to connect to, or none, which is the default. */
  static Key<Optional<HostPort>> targetOrNone(String path, String doc) {
    return new Key<>(
        path,
        "HOST:PORT; empty for none",
        "",
        doc,
        text -> {
          if (text.isBlank()) {
            return Optional.empty();
          }
          try {
            return Optional.of(HostPort.parseTarget(text.strip()));
          } catch (IllegalArgumentException e) {
            throw new BadValue(quoted(text) + " is not HOST:PORT: " + e.getMessage());
          }
        });
  }

  /** Addresses to connect to; none is the default. */
  static Key<List<HostPort>> targets(String path, String doc) {
    return new Key<>(path, "HOST:PORT, several separated by commas", "", doc, Key::parseTargets);
  }

  private static List<HostPort> parseTargets(String text) throws BadValue {
    List<HostPort> targets = new ArrayList<>();
    for (String one : Splitter.on(',').trimResults().omitEmptyStrings().split(text)) {
      try {
        targets.add(HostPort.parseTarget(one));
      } catch (IllegalArgumentException e) {
        throw new BadValue(quoted(one) + " is not HOST:PORT: " + e.getMessage());
      }
    }
    return List.copyOf(targets);
  }

  private static Long parseInteger(String text, long min, long max, String unit) throws BadValue {
    String digits = text.strip().replace("_", "");
    if (!digits.matches("-?[0-9]{1,18}")) {
      throw new BadValue(quoted(text) + " is not a whole number");
    }
    long value = Long.parseLong(digits);
    if (value < min || value > max) {
      throw new BadValue(
          "%s is outside %s to %s%s"
              .formatted(
                  text.strip(), grouped(min), grouped(max), unit.isEmpty() ? "" : " " + unit));
    }
    return value;
  }

  /** Enum constants as YAML has them: {@code OE_SIMULATION} is {@code oe-simulation}. */
  static String yamlName(String constant) {
    return constant.toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static String quoted(String text) {
    return "'" + text + "'";
  }

  private static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  private static String size(long value) {
    String[] units = {"", " KiB", " MiB", " GiB"};
    int unit = 0;
    while (unit < units.length - 1 && value >= 1024 && value % 1024 == 0) {
      value /= 1024;
      unit++;
    }
    return grouped(value) + units[unit];
  }
}
