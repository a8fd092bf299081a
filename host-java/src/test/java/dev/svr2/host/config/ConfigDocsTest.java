// SPDX-License-Identifier: Apache-2.0
//
// docs/configuration.md is what the declarations say. With -Dsvr2.test.argLine=-Dsvr2.record=true
// it is written anew.
package dev.svr2.host.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.svr2.proto.EnclaveConfig;
import dev.svr2.proto.RaftGroupConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class ConfigDocsTest {
  private static final Path CORE = Path.of("..", "enclave-cpp");
  private static final Set<String> DRAWN_OR_FIXED = Set.of("group_id", "db_version", "simulated");
  private static final Path DOCS = Path.of("..", "docs", "configuration.md");

  @Test
  void theDocumentedKeysAreTheDeclaredOnes() throws IOException {
    if (Boolean.getBoolean("svr2.record")) {
      Files.writeString(DOCS, ConfigDocs.markdown());
    }
    assertEquals(ConfigDocs.markdown(), Files.readString(DOCS));
  }

  @Test
  void everySettingOfTheEnclaveHasAKeyAndEveryDefaultIsValid() throws Key.BadValue {
    Set<String> paths = new HashSet<>();
    for (Key<?> key : Keys.ALL) {
      assertTrue(paths.add(key.path()), key.path());
      if (!key.isRequired()) {
        var unused = key.parser().parse(key.defaultText());
      }
    }
    EnclaveConfig.getDescriptor().getFields().stream()
        // The second is the loader's word in simulation, not the operator's.
        .filter(field -> !Set.of("group", "simulated_identity").contains(field.getName()))
        .forEach(
            field -> assertTrue(paths.contains("enclave." + field.getName()), field.getName()));
    RaftGroupConfig.getDescriptor().getFields().stream()
        .filter(field -> !DRAWN_OR_FIXED.contains(field.getName()))
        .forEach(field -> assertTrue(paths.contains("group." + field.getName()), field.getName()));
  }

  @Test
  void rangesAndDefaultsAreThoseOfTheEnclave() throws IOException {
    String settings = Files.readString(CORE.resolve("core/settings.cc"));
    String header = Files.readString(CORE.resolve("core/settings.h"));
    Matcher take =
        Pattern.compile("Take\\(\"(\\w+)\", in\\.\\w+\\(\\),\\s+([^,]+),\\s+([^,]+),")
            .matcher(settings);
    int found = 0;
    while (take.find()) {
      Key<?> key = key("enclave." + take.group(1));
      assertRange(key, number(take.group(2), settings), number(take.group(3), settings));
      Matcher initial = Pattern.compile(" " + take.group(1) + " = ([^;]+);").matcher(header);
      assertTrue(initial.find(), key.path());
      assertEquals(number(initial.group(1), header), parse(key, key.defaultText()), key.path());
      found++;
    }
    long numbers =
        EnclaveConfig.getDescriptor().getFields().stream()
            .filter(
                field ->
                    field.getJavaType() == FieldDescriptor.JavaType.INT
                        || field.getJavaType() == FieldDescriptor.JavaType.LONG)
            .count();
    assertEquals(numbers, found);
  }

  @Test
  void rangesOfTheGroupAreThoseOfTheEnclave() throws IOException {
    long members = number("kMaxMembers", Files.readString(CORE.resolve("raft/membership.h")));
    assertRange(Keys.MIN_VOTING, 1, members);
    assertRange(Keys.MAX_VOTING, 1, members);
    assertRange(Keys.SUPER_MAJORITY, 0, members - 1);
    assertRange(Keys.ATTESTATION_TIMEOUT, 1, 0xFFFF_FFFFL);
  }

  private static Key<?> key(String path) {
    return Keys.ALL.stream().filter(key -> key.path().equals(path)).findFirst().orElseThrow();
  }

  private static void assertRange(Key<?> key, long min, long max) {
    assertEquals(min, parse(key, Long.toString(min)), key.path());
    assertEquals(max, parse(key, Long.toString(max)), key.path());
    for (long outside : List.of(min - 1, max + 1)) {
      assertThrows(
          Key.BadValue.class, () -> key.parser().parse(Long.toString(outside)), key.path());
    }
  }

  private static Object parse(Key<?> key, String text) {
    return assertDoesNotThrow(() -> key.parser().parse(text), key.path());
  }

  /** The value of a C++ expression such as {@code 10}, {@code uint64_t{64} << 10} or a constant. */
  private static long number(String expression, String source) {
    String text = expression.strip();
    if (text.matches("\\d+")) {
      return Long.parseLong(text);
    }
    Matcher shifted = Pattern.compile("uint64_t\\{(\\d+)\\} << (\\d+)").matcher(text);
    if (shifted.matches()) {
      return Long.parseLong(shifted.group(1)) << Integer.parseInt(shifted.group(2));
    }
    Matcher constant = Pattern.compile(" " + text + " = (\\d+);").matcher(source);
    assertTrue(constant.find(), text);
    return Long.parseLong(constant.group(1));
  }
}
