// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave.internal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;

/** Loads the native part of the bridge, once, and says in words why it cannot. */
public final class NativeLibrary {
  private static final String FAILURE = load();

  private NativeLibrary() {}

  /** Why the native library cannot be used; empty when it can. */
  public static Optional<String> failure() {
    return Optional.ofNullable(FAILURE);
  }

  private static String load() {
    try {
      Loader.load(Bridge.class);
      return null;
    } catch (LinkageError e) {
      return describe(e);
    }
  }

  /** Which file, which platform, which C library. */
  static String describe(Throwable cause) {
    return String.format(
        "cannot load libjnisvr2.so, which is made for linux-x86_64; this machine is %s with %s,"
            + " Java %s: %s; the file is in the jar svr2-jni with the classifier linux-x86_64,"
            + " which must be on the class path, and needs libcrypto.so.3",
        Loader.getPlatform(), cLibrary(), System.getProperty("java.version"), cause.getMessage());
  }

  /** Name and version of the C library that this process runs on. */
  static String cLibrary() {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      Optional<String> file =
          maps.filter(line -> line.contains("/libc.so.6") || line.contains("/ld-musl"))
              .map(line -> line.substring(line.indexOf('/')))
              .findFirst();
      if (file.isEmpty()) {
        return "an unknown C library";
      }
      if (file.get().contains("musl")) {
        return "musl (" + file.get() + "), where glibc is needed";
      }
      String text = Files.readString(Path.of(file.get()), StandardCharsets.ISO_8859_1);
      Matcher version = Pattern.compile("release version ([0-9.]+[0-9])").matcher(text);
      return "glibc " + (version.find() ? version.group(1) : "of unknown version");
    } catch (IOException | RuntimeException e) {
      return "an unknown C library";
    }
  }
}
