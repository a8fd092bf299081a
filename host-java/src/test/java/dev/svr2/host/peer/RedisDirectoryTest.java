// SPDX-License-Identifier: Apache-2.0
//
// Against a real Redis.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.config.HostPort;
import dev.svr2.host.config.RedisSettings;
import dev.svr2.host.redis.Redis;
import dev.svr2.host.redis.RedisServer;
import io.lettuce.core.SetArgs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RedisDirectoryTest extends DirectoryConformance {
  @TempDir Path folder;
  private RedisServer server;
  private Redis redis;
  private final List<RedisDirectory> hosts = new ArrayList<>();

  @BeforeEach
  void start() throws Exception {
    server = RedisServer.start(folder);
    redis =
        new Redis(new RedisSettings(server.address(), Optional.empty(), false), System::nanoTime);
    Awaitility.await().until(() -> redis.connection().isPresent());
  }

  @AfterEach
  void stop() {
    hosts.forEach(RedisDirectory::close);
    if (redis != null) {
      redis.close();
      server.close();
    }
  }

  private RedisDirectory host(String group, Optional<HostPort> own) {
    RedisDirectory host = new RedisDirectory(redis, group, () -> own, REFRESH);
    hosts.add(host);
    return host;
  }

  /** By hosts that are there, as in life. */
  @Override
  void set(HostPort... addresses) {
    hosts.forEach(RedisDirectory::close);
    hosts.clear();
    for (HostPort address : addresses) {
      RedisDirectory unused = host("group", Optional.of(address));
    }
  }

  @Override
  PeerDirectory open() {
    return new RedisDirectory(redis, "group", Optional::empty, REFRESH);
  }

  @Override
  boolean breakServer() {
    server.stop();
    return true;
  }

  @Override
  void mendServer() throws Exception {
    server.start();
  }

  @Test
  void groupsDoNotMix() {
    RedisDirectory one = host("one", Optional.of(A));
    RedisDirectory other = host("other", Optional.of(B));
    Awaitility.await().until(() -> one.addresses().equals(Set.of(A)));
    Awaitility.await().until(() -> other.addresses().equals(Set.of(B)));
  }

  @Test
  void whoDiesIsForgottenAndWhoLeavesIsAtOnce() {
    RedisDirectory looks = host("group", Optional.empty());
    RedisDirectory leaves = host("group", Optional.of(A));
    Awaitility.await().until(() -> looks.addresses().equals(Set.of(A)));
    leaves.close();
    byte[] key = ("svr2:peers:group:" + A).getBytes(StandardCharsets.UTF_8);
    assertEquals(0, redis.connection().orElseThrow().sync().exists(key));
    // One that died: nobody renews its entry, and it goes.
    String unused =
        redis.connection().orElseThrow().sync().set(key, new byte[] {'1'}, SetArgs.Builder.px(300));
    Awaitility.await().until(() -> looks.addresses().equals(Set.of(A)));
    Awaitility.await().until(() -> looks.addresses().isEmpty());
  }

  @Test
  void ofManyThatClaimAtOnceOneGetsItForGood() throws Exception {
    List<Callable<Boolean>> claims = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      RedisDirectory host = host("group", Optional.empty());
      String by = "replica " + i;
      claims.add(() -> host.claimFounding(by));
    }
    ExecutorService threads = Executors.newFixedThreadPool(16);
    try {
      int won = 0;
      for (Future<Boolean> claim : threads.invokeAll(claims)) {
        won += claim.get() ? 1 : 0;
      }
      assertEquals(1, won);
    } finally {
      threads.shutdownNow();
    }
    assertFalse(host("group", Optional.empty()).claimFounding("a later one"));
    assertTrue(host("another", Optional.empty()).claimFounding("of another group"));
  }

  @Test
  void withoutRedisNothingIsClaimed() {
    RedisDirectory host = host("group", Optional.empty());
    server.stop();
    assertThrows(IOException.class, () -> host.claimFounding("anybody"));
  }
}
