// SPDX-License-Identifier: Apache-2.0
//
// The public API, one line a member, against api.txt: what stands there stays, so that programs
// compiled against a version run with the next one. What is new is written down with
// -Dsvr2.record=true; a line that goes or changes is an incompatible change and needs a new major
// version (none is released yet).
package dev.svr2.client.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ApiTest {
  private static final Path FILE =
      Path.of(System.getProperty("svr2.root", "..")).resolve("client-java/api.txt");

  @Test
  void whatIsPublicIsWrittenDown() throws Exception {
    Set<String> found = new TreeSet<>();
    for (Path file : Classes.files()) {
      String name = Classes.name(file);
      if (!name.endsWith("-info") && !name.contains(".internal.")) {
        describe(Class.forName(name, false, getClass().getClassLoader()), found);
      }
    }
    if (Boolean.getBoolean("svr2.record")) {
      Files.write(FILE, found);
    }
    List<String> written = Files.readAllLines(FILE);
    assertTrue(found.size() > 100, "the library has a public API");
    assertEquals(
        "",
        without(written, found),
        "gone or changed: programs compiled against this would no longer run");
    assertEquals(
        "",
        without(found, written),
        "new; record it with -Dsvr2.record=true (an abstract method breaks who implements its"
            + " type)");
  }

  private static String without(Collection<String> some, Collection<String> others) {
    return some.stream().filter(line -> !others.contains(line)).collect(Collectors.joining("\n"));
  }

  private static boolean isVisible(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  /** Seen from another package. */
  private static boolean isVisible(Class<?> type) {
    return isVisible(type.getModifiers())
        && (type.getEnclosingClass() == null || isVisible(type.getEnclosingClass()))
        && !type.isAnonymousClass();
  }

  private static void describe(Class<?> type, Set<String> out) {
    if (!isVisible(type)) {
      return;
    }
    String supers =
        Arrays.stream(type.getGenericInterfaces())
            .map(Type::getTypeName)
            .sorted()
            .collect(Collectors.joining(", "));
    Type parent = type.getGenericSuperclass();
    out.add(
        type.toGenericString()
            + (parent == null ? "" : " extends " + parent.getTypeName())
            + (supers.isEmpty() ? "" : " implements " + supers));
    String in = type.getName() + ": ";
    for (Constructor<?> one : type.getDeclaredConstructors()) {
      if (isVisible(one.getModifiers()) && !one.isSynthetic()) {
        out.add(in + text(one));
      }
    }
    for (Method one : type.getDeclaredMethods()) {
      if (isVisible(one.getModifiers()) && !one.isSynthetic()) {
        out.add(in + text(one));
      }
    }
    for (Field one : type.getDeclaredFields()) {
      if (isVisible(one.getModifiers()) && !one.isSynthetic()) {
        out.add(in + one.toGenericString() + constant(one));
      }
    }
  }

  private static String text(Executable one) {
    // Whether a method is synchronized or native is no matter of the caller's.
    return one.toGenericString().replace("synchronized ", "").replace("native ", "");
  }

  /** Compilers copy constants into their users. */
  private static String constant(Field field) {
    boolean copied =
        Modifier.isStatic(field.getModifiers())
            && Modifier.isFinal(field.getModifiers())
            && (field.getType().isPrimitive() || field.getType() == String.class);
    try {
      return copied ? " = " + field.get(null) : "";
    } catch (IllegalAccessException e) {
      return "";
    }
  }
}
