// SPDX-License-Identifier: Apache-2.0
//
// docs/configuration.md is what the declarations say. With -Dsvr2.test.argLine=-Dsvr2.record=true
// it is written anew.
package dev.svr2.host.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.proto.EnclaveConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ConfigDocsTest {
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
        .filter(field -> !field.getName().equals("group"))
        .forEach(
            field -> assertTrue(paths.contains("enclave." + field.getName()), field.getName()));
  }
}
