package io.jetfire.examples.detector;

import java.awt.geom.Arc2D;
import java.awt.geom.Area;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.geom.RoundRectangle2D;
import java.util.Locale;

/** The classes of items: each has an outline in a square from -1 to 1, in any texture. */
enum Item {
  /** Wider at the top, with a handle. */
  CUP {
    @Override
    Area outline() {
      Path2D body = new Path2D.Double();
      body.moveTo(-0.75, -0.8);
      body.lineTo(0.45, -0.8);
      body.lineTo(0.25, 0.85);
      body.lineTo(-0.55, 0.85);
      body.closePath();
      Area cup = new Area(body);
      Area handle = new Area(new Ellipse2D.Double(0.1, -0.55, 0.85, 0.85));
      handle.subtract(new Area(new Ellipse2D.Double(0.28, -0.37, 0.49, 0.49)));
      cup.add(handle);
      return cup;
    }
  },
  /** Round. */
  BALL {
    @Override
    Area outline() {
      return new Area(new Ellipse2D.Double(-0.9, -0.9, 1.8, 1.8));
    }
  },
  /** Square, with a notch of tape. */
  BOX {
    @Override
    Area outline() {
      Area box = new Area(new Rectangle2D.Double(-0.85, -0.85, 1.7, 1.7));
      box.subtract(new Area(new Rectangle2D.Double(-0.12, -0.85, 0.24, 0.5)));
      return box;
    }
  },
  /** Five points. */
  STAR {
    @Override
    Area outline() {
      Path2D star = new Path2D.Double();
      for (int i = 0; i < 10; i++) {
        double radius = i % 2 == 0 ? 0.98 : 0.42;
        double angle = Math.PI * (i / 5.0 - 0.5);
        double x = radius * Math.cos(angle);
        double y = radius * Math.sin(angle);
        if (i == 0) {
          star.moveTo(x, y);
        } else {
          star.lineTo(x, y);
        }
      }
      star.closePath();
      return new Area(star);
    }
  },
  /** Tall, with a neck. */
  BOTTLE {
    @Override
    Area outline() {
      Area bottle = new Area(new RoundRectangle2D.Double(-0.42, -0.25, 0.84, 1.2, 0.3, 0.3));
      bottle.add(new Area(new Rectangle2D.Double(-0.16, -0.95, 0.32, 0.75)));
      bottle.add(new Area(new Arc2D.Double(-0.42, -0.55, 0.84, 0.8, 0, 180, Arc2D.CHORD)));
      return bottle;
    }
  };

  abstract Area outline();

  /** The name in datasets and reports. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
