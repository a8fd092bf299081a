// SPDX-License-Identifier: Apache-2.0
//
// What an application may rely on beside behaviour: Java 11 class files, no reflection, no Java
// serialization, java.net.http in one package only, a small jar, and a version at every public
// type.
package dev.svr2.client.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;

class RulesTest {
  private static final int JAVA_11 = 55;
  private static final int JAR_MAX_BYTES = 300 * 1024;

  private static final Pattern PUBLIC_TYPE =
      Pattern.compile(
          "^public (final |abstract )*(class|interface|enum|@interface) ", Pattern.MULTILINE);

  @Test
  void classFilesAreOfJava11() throws IOException {
    for (Path file : Classes.files()) {
      try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
        assertEquals(0xcafebabe, in.readInt());
        in.readUnsignedShort();
        assertEquals(JAVA_11, in.readUnsignedShort(), file.toString());
      }
    }
  }

  /** Names of classes stand in the constant pool of whoever uses them. */
  private static List<String> usersOf(String... names) throws IOException {
    List<String> users = new ArrayList<>();
    for (Path file : Classes.files()) {
      String bytes = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
      for (String name : names) {
        if (bytes.contains(name)) {
          users.add(Classes.name(file) + " uses " + name);
        }
      }
    }
    return users;
  }

  @Test
  void noReflectionAndNoJavaSerialization() throws IOException {
    assertEquals(
        List.of(),
        usersOf(
            "java/lang/reflect/",
            "forName",
            "getDeclaredMethod",
            "getDeclaredField",
            "java/io/ObjectOutputStream",
            "java/io/ObjectInputStream"));
  }

  @Test
  void whatAndroidLacksIsInOnePackage() throws IOException {
    List<String> users = usersOf("java/net/http/", "java/lang/management/", "javax/naming/");
    assertTrue(users.size() > 2, "this test finds users");
    assertEquals(
        List.of(),
        users.stream()
            .filter(user -> !user.startsWith("dev.svr2.client.websocket."))
            .collect(Collectors.toList()));
  }

  @Test
  void theJarIsSmall() throws IOException {
    ByteArrayOutputStream jar = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(jar)) {
      for (Path file : Classes.files()) {
        zip.putNextEntry(new ZipEntry(Classes.root().relativize(file).toString()));
        zip.write(Files.readAllBytes(file));
      }
    }
    assertTrue(jar.size() <= JAR_MAX_BYTES, "the jar has " + jar.size() + " bytes");
  }

  @Test
  void everyPublicTypeSaysSinceWhen() throws IOException {
    Path sources =
        Path.of(System.getProperty("svr2.root", "..")).resolve("client-java/src/main/java");
    try (Stream<Path> all = Files.walk(sources)) {
      List<Path> files =
          all.filter(f -> f.toString().endsWith(".java")).collect(Collectors.toList());
      assertTrue(files.size() > 20, "these are the sources");
      for (Path file : files) {
        String text = Files.readString(file);
        if (!file.toString().contains("/internal/") && PUBLIC_TYPE.matcher(text).find()) {
          assertTrue(text.contains("@since "), file + " has no @since");
        }
      }
    }
  }
}
