import { useEffect, useState } from 'preact/hooks';

/** About a small tile above and below, so that it is there when it is scrolled to. */
const MARGIN = '48px 0px';

const waiting = new Map<Element, () => void>();
let observer: IntersectionObserver | undefined;

/** Whether an element has been in sight: inside the window, and inside each part of the page that scrolls. */
export function useInSight(element: { current: Element | null }): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (seen || !target) return;
    observer ??= new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) if (isIntersecting) waiting.get(target)?.();
      },
      { rootMargin: MARGIN, scrollMargin: MARGIN },
    );
    waiting.set(target, () => setSeen(true));
    observer.observe(target);
    return () => {
      waiting.delete(target);
      observer?.unobserve(target);
    };
  }, [seen]);
  return seen;
}
