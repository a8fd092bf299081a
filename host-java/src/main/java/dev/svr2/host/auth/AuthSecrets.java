// SPDX-License-Identifier: Apache-2.0
//
// The secrets that client credentials are made and checked with (protocol.md §3).
package dev.svr2.host.auth;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Set;

/**
 * One or more HMAC keys. The first signs, all verify, so that a secret can be rotated: put the new
 * one first, drop the old one when its credentials have expired. Immutable; shows nothing of itself
 * in text.
 */
public final class AuthSecrets {
  /** Shorter secrets work but can be guessed; {@link #isWeak} tells. */
  private static final int STRONG_BYTES = 16;

  private static final int MAX_SECRETS = 16;
  private static final int MAX_FILE_BYTES = 64 * 1024;

  private final List<byte[]> keys;

  private AuthSecrets(List<byte[]> keys) {
    this.keys = keys;
  }

  /**
   * Reads base64 secrets separated by commas. White space around them is ignored.
   *
   * @throws IllegalArgumentException with what is wrong, never with a part of the text
   */
  public static AuthSecrets parse(String text) {
    List<byte[]> keys = new ArrayList<>();
    for (String part : Splitter.on(',').trimResults().split(text.strip())) {
      int number = keys.size() + 1;
      if (part.isEmpty()) {
        throw new IllegalArgumentException("secret %d is empty".formatted(number));
      }
      try {
        keys.add(Base64.getDecoder().decode(part));
      } catch (IllegalArgumentException e) {
        // Without the cause: its message shows a character of the secret.
        throw new IllegalArgumentException(
            "secret %d is not base64 (make one with 'openssl rand -base64 32')".formatted(number));
      }
    }
    if (keys.size() > MAX_SECRETS) {
      throw new IllegalArgumentException("more than %d secrets".formatted(MAX_SECRETS));
    }
    return new AuthSecrets(List.copyOf(keys));
  }

  /**
   * Reads a file in the form of {@link #parse}.
   *
   * @throws IOException when it cannot be read, or can be read or changed by others than its owner
   * @throws IllegalArgumentException as {@link #parse}
   */
  public static AuthSecrets readFile(Path path) throws IOException {
    return parse(readText(path));
  }

  /** As {@link #readFile}, but the text, which is not checked. */
  public static String readText(Path path) throws IOException {
    try {
      if (Files.size(path) > MAX_FILE_BYTES) {
        throw new IOException(path + " is too large to be a file of secrets");
      }
      // Asked of the file system, not of the file's store: a chroot may have no mount point for it.
      if (path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
        if (permissions.contains(PosixFilePermission.OTHERS_READ)
            || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
          throw new IOException(
              path + " can be read or changed by everyone; run 'chmod 600 " + path + "'");
        }
      }
      return Files.readString(path).strip();
    } catch (NoSuchFileException e) {
      throw new IOException(path + " does not exist", e);
    }
  }

  /** True when a secret has fewer than 16 bytes. */
  public boolean isWeak() {
    return keys.stream().anyMatch(key -> key.length < STRONG_BYTES);
  }

  List<byte[]> keys() {
    return keys;
  }

  @Override
  public String toString() {
    return "AuthSecrets[" + keys.size() + "]";
  }
}
