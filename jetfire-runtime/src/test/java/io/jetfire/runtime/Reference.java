package io.jetfire.runtime;

/** The networks of {@link TestModel} computed in plain Java. */
final class Reference {
  private Reference() {}

  /** The 3x3 convolution with same padding of {@link TestModel#classifier()}. */
  static float[] features(float[] image) {
    float[] w = TestModel.noise(4 * 3 * 3 * 3, 1);
    float[] b = TestModel.noise(4, 2);
    float[] out = new float[8 * 8 * 4];
    for (int y = 0; y < 8; y++) {
      for (int x = 0; x < 8; x++) {
        for (int o = 0; o < 4; o++) {
          double sum = b[o];
          for (int ky = 0; ky < 3; ky++) {
            for (int kx = 0; kx < 3; kx++) {
              int iy = y + ky - 1;
              int ix = x + kx - 1;
              if (iy >= 0 && iy < 8 && ix >= 0 && ix < 8) {
                for (int c = 0; c < 3; c++) {
                  sum += image[(iy * 8 + ix) * 3 + c] * w[((o * 3 + ky) * 3 + kx) * 3 + c];
                }
              }
            }
          }
          out[(y * 8 + x) * 4 + o] = (float) sum;
        }
      }
    }
    return out;
  }

  /** All of {@link TestModel#classifier()}. */
  static float[] classifier(float[] image) {
    float[] features = features(image);
    float[] w = TestModel.noise(5 * 256, 3);
    float[] b = TestModel.noise(5, 4);
    double[] exp = new double[5];
    double total = 0;
    for (int o = 0; o < 5; o++) {
      double logit = b[o];
      for (int i = 0; i < 256; i++) {
        logit += features[i] * w[o * 256 + i];
      }
      exp[o] = Math.exp(logit);
      total += exp[o];
    }
    float[] scores = new float[5];
    for (int o = 0; o < 5; o++) {
      scores[o] = (float) (exp[o] / total);
    }
    return scores;
  }
}
