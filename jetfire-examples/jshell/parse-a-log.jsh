import io.jetfire.*

var log = String.join("\n",
    "INFO: Loaded model detector.tflite",
    "INFO: Initialized session in 13.386ms.",
    "INFO: count=50 first=5021 curr=4711 min=4650 max=6120 avg=4823.4 std=221",
    "INFO: Inference timings in us: Init: 13386, First inference: 9040, Warmup (avg): 5320, Inference (avg): 4823.4")
var parsed = MetricsParser.standard().parse(log)
parsed.runs().forEach(run -> {
    System.out.println("init    " + run.init().orElseThrow());
    System.out.println("mean    " + run.latency().mean().orElseThrow());
    System.out.println("p90     " + run.latency().percentile(90));
})
/exit
