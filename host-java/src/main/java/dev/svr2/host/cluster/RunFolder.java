// SPDX-License-Identifier: Apache-2.0
//
// The folder in which a group on one machine keeps its files (cli.md, "make run"): configurations,
// logs and process ids of the replicas, the pins of the group, the secret of credentials.
package dev.svr2.host.cluster;

import dev.svr2.client.Pins;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;

/**
 * One folder, used by one group at a time: a lock in it lasts as long as the object or the process.
 * Replicas are numbered from 1. Thread-safe.
 */
public final class RunFolder implements AutoCloseable {
  private static final int SECRET_BYTES = 32;

  private final Path directory;
  private final FileChannel lockFile;

  private RunFolder(Path directory, FileChannel lockFile) {
    this.directory = directory;
    this.lockFile = lockFile;
  }

  /**
   * Makes the folder where there is none, and clears it of what an earlier group left.
   *
   * @throws IOException when another group uses it, or it cannot be written
   */
  public static RunFolder open(Path directory) throws IOException {
    Files.createDirectories(directory);
    FileChannel lockFile =
        FileChannel.open(
            directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    boolean done = false;
    try {
      FileLock lock = tryLock(lockFile);
      if (lock == null) {
        throw new IOException(
            "another group runs in %s; end it, or choose another folder with --dir"
                .formatted(directory));
      }
      RunFolder folder = new RunFolder(directory, lockFile);
      folder.clear();
      done = true;
      return folder;
    } finally {
      if (!done) {
        lockFile.close();
      }
    }
  }

  private static FileLock tryLock(FileChannel file) throws IOException {
    try {
      return file.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // By this very process.
    }
  }

  /** Pins of an earlier run name another group, its logs tell of other replicas. */
  private void clear() throws IOException {
    Files.deleteIfExists(pins());
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "replica-*")) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
  }

  /**
   * Writes the secret that credentials are made with, readable by its owner alone.
   *
   * @param given base64; null or blank: 32 fresh bytes
   */
  public void writeSecret(String given) throws IOException {
    String secret = given;
    if (secret == null || secret.isBlank()) {
      byte[] fresh = new byte[SECRET_BYTES];
      new SecureRandom().nextBytes(fresh);
      secret = Base64.getEncoder().encodeToString(fresh);
      Arrays.fill(fresh, (byte) 0);
    }
    // Never readable by others, not even between creation and chmod.
    Files.deleteIfExists(secret());
    Files.createFile(
        secret(),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(secret(), secret.strip() + "\n");
  }

  void writePins(Pins pins) throws IOException {
    Files.writeString(pins(), pins.toJson());
  }

  /** Where the pins of the group are, once it is founded. */
  public Path pins() {
    return directory.resolve("pins.json");
  }

  /** Where the secret of credentials is. */
  public Path secret() {
    return directory.resolve("auth-secret");
  }

  /** The configuration of a replica's host. */
  public Path config(int replica) {
    return directory.resolve("replica-%d.yaml".formatted(replica));
  }

  /** What a replica's hosts said, one after the other: standard output and standard error. */
  public Path log(int replica) {
    return directory.resolve("replica-%d.log".formatted(replica));
  }

  /** The process id of a replica's present host. */
  public Path pid(int replica) {
    return directory.resolve("replica-%d.pid".formatted(replica));
  }

  @Override
  public void close() throws IOException {
    lockFile.close();
  }
}
