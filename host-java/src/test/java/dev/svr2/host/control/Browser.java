// SPDX-License-Identifier: Apache-2.0
//
// Chromium without a window, driven by the DevTools protocol.
package dev.svr2.host.control;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Assumptions;

/** One page. Not thread-safe. */
final class Browser implements AutoCloseable {
  private static final Path PROGRAM = Path.of("/usr/bin/chromium");

  private final Process process;
  private final WebSocket socket;
  private final AtomicInteger next = new AtomicInteger();
  private final Map<Integer, CompletableFuture<JsonObject>> answers = new ConcurrentHashMap<>();

  /** Opens it; the test is skipped where Chromium is not installed. */
  static Browser open(Path folder) throws Exception {
    Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "no browser: " + PROGRAM + " is not there");
    return new Browser(folder);
  }

  private Browser(Path folder) throws Exception {
    Path profile = folder.resolve("profile");
    process =
        new ProcessBuilder(
                PROGRAM.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("chromium.log").toFile())
            .start();
    Path file = profile.resolve("DevToolsActivePort");
    Awaitility.await()
        .atMost(60, TimeUnit.SECONDS)
        .until(() -> Files.exists(file) && Files.readAllLines(file).size() >= 2);
    String port = Files.readAllLines(file).get(0);
    socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(page(port), new Listener())
            .get(30, TimeUnit.SECONDS);
    JsonObject unused = call("Page.enable", Map.of());
  }

  private static URI page(String port) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list")).build();
    String list =
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
    for (JsonElement target : JsonParser.parseString(list).getAsJsonArray()) {
      if (target.getAsJsonObject().get("type").getAsString().equals("page")) {
        return URI.create(target.getAsJsonObject().get("webSocketDebuggerUrl").getAsString());
      }
    }
    throw new IOException("no page: " + list);
  }

  private final class Listener implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        JsonObject message = JsonParser.parseString(text.toString()).getAsJsonObject();
        text.setLength(0);
        if (message.has("id")) {
          answers.get(message.get("id").getAsInt()).complete(message);
        }
      }
      from.request(1);
      return null;
    }
  }

  JsonObject call(String method, Map<String, ?> parameters) throws Exception {
    int id = next.incrementAndGet();
    CompletableFuture<JsonObject> answer = new CompletableFuture<>();
    answers.put(id, answer);
    String text =
        new com.google.gson.Gson().toJson(Map.of("id", id, "method", method, "params", parameters));
    WebSocket unused = socket.sendText(text, true).get(30, TimeUnit.SECONDS);
    JsonObject message = answer.get(30, TimeUnit.SECONDS);
    if (message.has("error")) {
      throw new IOException(method + ": " + message);
    }
    return message.getAsJsonObject("result");
  }

  void visit(String address) throws Exception {
    JsonObject unused = call("Page.navigate", Map.of("url", address));
  }

  /** What an expression says, as text. */
  String evaluate(String expression) throws Exception {
    JsonObject result =
        call("Runtime.evaluate", Map.of("expression", "String(" + expression + ")"));
    return result.getAsJsonObject("result").get("value").getAsString();
  }

  void size(int width, int height) throws Exception {
    JsonObject unused =
        call(
            "Emulation.setDeviceMetricsOverride",
            Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", true));
  }

  void prefer(String scheme) throws Exception {
    JsonObject unused =
        call(
            "Emulation.setEmulatedMedia",
            Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
  }

  @Override
  public void close() {
    socket.abort();
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    Awaitility.await().until(() -> !process.isAlive());
  }
}
