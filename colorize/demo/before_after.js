// Two pictures of one size on top of each other, and a divider that is dragged anywhere on them, or moved by the arrow keys.
export default {
  template: `
    <div class="before-after" @pointerdown="start" @pointermove="follow">
      <img :src="after" alt="after: painted" draggable="false">
      <img :src="before" alt="before: grey" draggable="false" class="before"
           :style="{ clipPath: 'inset(0 ' + (100 - share) + '% 0 0)' }">
      <span v-show="share > 12" class="tag" style="left: 0.5rem">before</span>
      <span v-show="share < 88" class="tag" style="right: 0.5rem">after</span>
      <div class="divider" :style="{ left: share + '%' }"><span>&#8596;</span></div>
      <input type="range" min="0" max="100" v-model.number="share" aria-label="divider between before and after">
    </div>
  `,
  props: { before: String, after: String },
  data: () => ({ share: 50 }),
  methods: {
    start(event) {
      event.currentTarget.setPointerCapture(event.pointerId);
      this.move(event);
    },
    follow(event) {
      if (event.currentTarget.hasPointerCapture(event.pointerId)) this.move(event);
    },
    move(event) {
      const place = event.currentTarget.getBoundingClientRect();
      this.share = Math.min(100, Math.max(0, (100 * (event.clientX - place.left)) / place.width));
    },
  },
};
