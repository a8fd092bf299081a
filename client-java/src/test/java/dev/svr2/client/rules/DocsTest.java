// SPDX-License-Identifier: Apache-2.0
//
// The code in docs/client.md is that of the examples, which are compiled and run.
package dev.svr2.client.rules;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DocsTest {
  private static final Path ROOT = Path.of(System.getProperty("svr2.root", ".."));
  private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

  private static String examples() throws IOException {
    Path folder = ROOT.resolve("client-java/src/test/java/dev/svr2/examples");
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(DocsTest::read).collect(Collectors.joining());
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void theCodeOfThePageIsThatOfTheExamples() throws IOException {
    String examples = examples();
    Matcher blocks = BLOCK.matcher(Files.readString(ROOT.resolve("docs/client.md")));
    int count = 0;
    while (blocks.find()) {
      assertTrue(examples.contains(blocks.group(1)), "in no example:\n" + blocks.group(1));
      count++;
    }
    assertTrue(count >= 5, "the page has code");
  }

  @Test
  void everyResultAndFailureIsInTheTables() throws Exception {
    String page = Files.readString(ROOT.resolve("docs/client.md"));
    for (Class<?> type :
        new Class<?>[] {
          dev.svr2.client.BackupResult.class,
          dev.svr2.client.RestoreResult.class,
          dev.svr2.client.MigrationResult.class,
          dev.svr2.client.Failure.class
        }) {
      for (Class<?> one : type.getDeclaredClasses()) {
        if (type.isAssignableFrom(one)) {
          assertTrue(page.contains(one.getSimpleName()), one + " is not on the page");
        }
      }
    }
  }
}
